/** The errors of the FileSystem seam; the store below throws the same ones. */
export { type Errno, FsError } from '../store/error.ts'
