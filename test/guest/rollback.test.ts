import { suite } from 'uvu'
import { inGuest, scenario } from './scenario.ts'

const test = suite('guest: rollback')

const SERVED = `
  serve /srv/data
  mount -t nfs -o nolock localhost:/ /mnt
  cd /mnt
  snapshot() { zerofs_nfs snapshot "$@" --data /srv/data; }
  rollback() { zerofs_nfs rollback "$@" --data /srv/data; }
`

scenario(
  test,
  'clients with files open and cached see the old content, and no ESTALE',
  async () => {
    await inGuest({
      script: `${SERVED}
      mkdir -p tree/deep/deeper tree/moved
      dd if=/dev/urandom of=tree/large bs=1M count=5 status=none
      printf 'cached before' >tree/cached
      printf 'saved before' >tree/saved
      printf 'deep before' >tree/deep/deeper/file
      ln tree/cached tree/deep/linked
      ln -s cached tree/symbolic
      truncate -s 20M tree/sparse
      touch -d 2001-02-03 tree/moved tree/large
      (cd tree/moved && seq 200 | xargs touch)
      forget_caches
      manifest . | without_ctime >/run/before
      cp tree/large /run/large
      inode=$(stat -c %i tree/large)
      snapshot create one

      exec 5<tree/large
      printf over | dd of=tree/large bs=1 seek=3M conv=notrunc status=none
      mv tree/large tree/renamed
      printf 'cached after, longer' >tree/cached
      cat tree/cached tree/deep/linked >/run/cached
      # As many programs save: what is open then is a file that came since.
      printf 'saved after' >tree/saved~
      mv tree/saved~ tree/saved
      exec 6<tree/saved
      read -r -N 5 -u 6 begin
      test "$begin" = saved
      mv tree/deep/deeper tree/up
      cd tree/up
      rm -r ../deep ../moved
      mkdir ../moved ../new
      printf new >../new/file
      truncate -s 1M ../sparse
      ln -sf elsewhere ../symbolic
      sync

      rollback one >/run/told
      cat /run/told
      grep -q "undo: zerofs-nfs rollback pre-rollback-" /run/told
      # A client that holds a file, or a directory, trusts its cache for some seconds.
      eventually 60 cmp -s /mnt/tree/large /run/large
      cmp /run/large <&5
      test "$(stat -c %i /mnt/tree/large)" = $inode
      eventually 60 grep -q 'cached before' /mnt/tree/cached
      eventually 60 grep -q 'deep before' file
      test "$(cat /mnt/tree/saved)" = 'saved before'
      test "$(cat <&6)" = ' before'
      cd /mnt
      forget_caches
      manifest . | without_ctime >/run/after
      same /run/before /run/after
      rollback one | grep -q 'nothing was changed'

      # And the way back.
      safety=$(snapshot list | grep -o 'pre-rollback-[0-9-]*')
      rollback $safety
      forget_caches
      test "$(cat tree/up/file tree/cached tree/new/file)" = 'deep beforecached after, longernew'
      exec 5<&- 6<&-
      zerofs_nfs check --data /srv/data
    `,
    })
  },
)

test.run()
