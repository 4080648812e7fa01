/**
 * Which blocks are in use, and how often: a reference count a block, in groups of 4096 blocks.
 *
 * Invariants:
 * - A block is in one of three states: used (its count is above 0), in limbo, or free.
 * - A block whose count falls to 0 is in limbo until a checkpoint has written that count: after a
 *   crash the log is replayed from an older checkpoint, and must find the block as it was.
 * - The four counters are exact at all times. Block 0 is never counted, nor handed out.
 * - Every operation checks first and changes afterwards: one that throws has changed nothing.
 */
import { strict as assert } from 'node:assert'
import { FILE_BLOCKS } from './blocks-files.ts'
import { FsError } from './error.ts'
import { BLOCK_BYTES } from './records.ts'
import { FreeGroups } from './space-free.ts'
import { GroupCache, type GroupRecord } from './space-cache.ts'
import {
  addBits,
  clearBits,
  countBits,
  decodeHead,
  GROUP_BLOCKS,
  type Group,
  type GroupBits,
  hasBit,
  newGroupBits,
  nextClear,
  nextSet,
  REFERENCES_MAX,
  removeBits,
  setBits,
  usableBlocks,
} from './space-group.ts'
