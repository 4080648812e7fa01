import { suite } from 'uvu'
import { inGuest, scenario } from './scenario.ts'

const test = suite('guest: snapshots and restore')

/** Defines make_tree, which fills `tree` with one of everything, and change_everything in it. */
const TREE = String.raw`
  make_tree() (
    package uvu cac
    mkdir tree
    cd tree
    tar -xpf /run/packages.tar
    dd if=/dev/urandom of=large bs=1M count=5 status=none
    printf 'a few bytes' >small
    : >empty
    ln small linked
    ln -s small symbolic
    ln -s /nowhere/at/all dangling
    mkfifo fifo
    mknod character c 1 3
    mknod block b 7 1
    truncate -s 20M sparse
    printf middle | dd of=sparse bs=1 seek=9M conv=notrunc status=none
    mkdir -p -m 2770 setgid/deep/deeper
    mkdir -m 1777 sticky
    printf x >$'new\nline'
    printf x >$'\xff bytes'
    printf x >' -n "quoted" $name'
    printf x >"$(printf 'l%.0s' {1..255})"
    printf x >suid
    chmod 6711 suid
    chown -h 1001:1002 small symbolic setgid
    touch -d '2001-02-03 04:05:06.123456789' small
    touch -h -d '1999-12-31 23:59:59.999999999' symbolic
    (cd sticky && seq 500 | xargs touch)
  )
  change_everything() (
    cd tree
    find . -type f -exec sh -c 'for file; do printf changed >>"$file"; done' sh {} +
    printf over | dd of=large bs=1 seek=2M conv=notrunc status=none
    truncate -s 1M sparse
    rm symbolic fifo linked
    ln -s elsewhere symbolic
    mkdir fifo
    ln small also
    chmod -R u+rwx,o-x .
    chown -R 7:7 .
    find . -exec touch -h -d '2020-01-01' {} +
    mv setgid renamed
    mv uvu cac renamed/deep/
    rm -r sticky
    mv large small
    touch new
  )
`

const SERVED = `
  ${TREE}
  serve /srv/data
  mount -t nfs -o nolock localhost:/ /mnt
  cd /mnt
  make_tree
  snapshot() { zerofs_nfs snapshot "$@" --data /srv/data; }
  restore() { zerofs_nfs restore "$@" --data /srv/data; }
  compare_with() {
    forget_caches
    manifest "$1" >/run/after
    same /run/before /run/after
  }
`

scenario(test, 'a snapshot stays what it was, byte for byte, attribute for attribute', async () => {
  await inGuest({
    script: `${SERVED}
      forget_caches
      manifest tree >/run/before
      snapshot create one
      compare_with tree/.snapshots/one
      change_everything
      compare_with tree/.snapshots/one
      compare_with .snapshots/one/tree
      find tree -print0 | LC_ALL=C sort -z >/run/names
      snapshot create two
      rm -r tree
      compare_with .snapshots/one/tree
      find .snapshots/two/tree -print0 | LC_ALL=C sort -z | sed -z 's,^.snapshots/two/,,' |
        cmp - /run/names
      cd /
      umount /mnt
      stop_server
      zerofs_nfs check --data /srv/data
      serve /srv/data
      mount -t nfs -o nolock localhost:/ /mnt
      cd /mnt
      compare_with .snapshots/one/tree
    `,
  })
})

scenario(
  test,
  'a snapshot is read-only, a file system of its own, and in nobody’s way',
  async () => {
    await inGuest({
      script: `${SERVED}
      snapshot create one
      past=tree/.snapshots/one
      for command in "touch $past/new" "rm $past/small" "mkdir $past/new" "chmod 777 $past/small" \\
        "ln $past/small $past/new" "mv $past/small $past/new"; do
        fails $command
        grep -q 'Read-only file system' /run/failure
      done
      fails truncate -s 0 $past/small
      fails ln $past/small tree/new
      fails touch tree/.snapshots/new
      grep -q 'Read-only file system' /run/failure
      test "$(stat -c %d $past)" != "$(stat -c %d tree)"
      test "$(stat -c %i $past/small)" = "$(stat -c %i tree/small)"
      fails grep -qx .snapshots <(ls -A tree)
      test -z "$(find tree -name .snapshots)"
      test "$(ls tree/.snapshots)" = one
      mkdir later
      test -z "$(ls later/.snapshots)"
      fails ls later/.snapshots/one
      rm -r tree later
      test -z "$(ls -A)"
    `,
    })
  },
)

scenario(
  test,
  'a new snapshot is there at once, also under a name that was just not found',
  async () => {
    await inGuest({
      script: `${SERVED}
      test -z "$(ls .snapshots)"
      for name in 001 two three; do
        fails stat .snapshots/$name
        fails stat tree/.snapshots/$name
        snapshot create $name
        test "$(cat .snapshots/$name/tree/small)" = 'a few bytes'
        test "$(cat tree/.snapshots/$name/small)" = 'a few bytes'
        ls .snapshots | grep -qx $name
      done
      snapshot list | grep -q 001
      snapshot delete two
      eventually 5 fails ls .snapshots/two/tree
      test "$(ls .snapshots | tr '\\n' ' ')" = '001 three '
      fails snapshot create three
    `,
    })
  },
)

scenario(
  test,
  'mkdir and rmdir in .snapshots make and delete snapshots, for root and the owner',
  async () => {
    await inGuest({
      script: `${SERVED}
      user() { setpriv --reuid 1000 --regid 1000 --clear-groups "$@"; }
      printf before >tree/small
      fails stat .snapshots/one
      mkdir .snapshots/one
      printf after >tree/small
      test "$(cat .snapshots/one/tree/small)" = before
      test "$(cat tree/.snapshots/one/small)" = before
      fails mkdir .snapshots/one
      grep -q 'File exists' /run/failure
      mkdir tree/.snapshots/two
      test "$(ls .snapshots | tr '\\n' ' ')" = 'one two '
      test "$(cat .snapshots/two/tree/small)" = after
      mkdir .snapshots/four
      for command in 'mkdir .snapshots/three' 'rmdir .snapshots/four'; do
        fails user $command
        grep -q 'Permission denied' /run/failure
      done
      chown 1000 .
      user mkdir .snapshots/three
      snapshot list | grep -q three
      user rmdir .snapshots/three .snapshots/four
      fails stat .snapshots/three
      fails snapshot info three
      # What a client has entered is mounted there: it has to be let go of first.
      fails rmdir .snapshots/one
      grep -q 'Device or resource busy' /run/failure
      umount .snapshots/two
      umount .snapshots/one tree/.snapshots/one
      snapshot hold two backup
      fails rmdir .snapshots/two
      grep -q 'Permission denied' /run/failure
      snapshot release two backup
      rmdir .snapshots/two tree/.snapshots/one
      test -z "$(ls .snapshots)"
      mkdir .snapshots/two
      test "$(cat .snapshots/two/tree/small)" = after
      zerofs_nfs check --data /srv/data
    `,
    })
  },
)

scenario(test, 'what was deleted comes back as it was', async () => {
  await inGuest({
    script: `${SERVED}
      forget_caches
      manifest tree | without_ctime >/run/before
      snapshot create one
      rm tree/large
      restore tree/large --snapshot one
      # A client goes on believing for some seconds that what it deleted is not there.
      forget_caches
      cmp tree/large tree/.snapshots/one/large
      rm -r tree
      restore tree --snapshot one
      forget_caches
      manifest tree | without_ctime >/run/after
      same /run/before /run/after
      snapshot list | grep -q pre-restore-
      restore tree/uvu --snapshot one --to copy
      diff -r copy tree/uvu
      zerofs_nfs check --data /srv/data
    `,
  })
})

scenario(test, 'a restore in place reaches clients that have the file open', async () => {
  await inGuest({
    script: `${SERVED}
      snapshot create one
      inode=$(stat -c %i tree/large)
      cp tree/large /run/large
      exec 5<tree/large
      printf changed | dd of=tree/large bs=1 seek=3M conv=notrunc status=none
      printf more >>tree/large
      sync
      restore tree/large --snapshot one
      # A client that holds a file trusts its cache for some seconds.
      eventually 60 cmp -s tree/large /run/large
      cmp /run/large <&5
      test "$(stat -c %i tree/large)" = $inode
      echo after >>tree/large
      cmp /run/large tree/.snapshots/one/large
    `,
  })
})

scenario(
  test,
  'a restored tree reaches clients that have it mapped, listed, entered and cached',
  async () => {
    await inGuest({
      script: `${SERVED}
      mkdir tree/listed
      touch tree/listed/one tree/listed/two
      cp tree/large /run/large
      snapshot create one
      # Holds the file mapped and in memory, and looks at it until it is what it was.
      python3 - tree/large >/run/mapped 2>&1 <<'PYTHON' &
import mmap, os, sys, time
wanted = open('/run/large', 'rb').read()
fd = os.open(sys.argv[1], os.O_RDONLY)
mapped = mmap.mmap(fd, len(wanted), mmap.MAP_SHARED, mmap.PROT_READ)
assert mapped[:] == wanted
open('/run/is-mapped', 'w').close()
changed = False
for _ in range(600):
    os.stat(fd)
    same = mapped[:] == wanted
    if changed and same:
        sys.exit(0)
    if not same and not changed:
        changed = True
        open('/run/is-changed', 'w').close()
    time.sleep(0.1)
sys.exit('the mapping never showed the restored bytes')
PYTHON
      mapper=$!
      eventually 20 test -e /run/is-mapped
      exec 5<tree/large
      cmp /run/large <&5
      (cd tree/listed && exec sleep 200) &
      sleeper=$!
      cd tree/listed
      printf changed | dd of=../large bs=1 seek=3M conv=notrunc status=none
      eventually 20 test -e /run/is-changed
      rm one
      echo more >>two
      touch three
      test "$(ls | tr '\\n' ' ')" = 'three two '
      (cd / && restore tree --snapshot one --delete)
      # Clients trust their caches for some seconds; what they hold never goes stale.
      here() { test "$(ls | tr '\\n' ' ')" = 'one two '; }
      eventually 60 here
      eventually 60 cmp -s ../large /run/large
      cat one two >/run/contents
      test ! -s /run/contents
      test "$(cd /proc/$sleeper/cwd && ls | tr '\\n' ' ')" = 'one two '
      cd /mnt
      test "$(tail -c +1 /proc/self/fd/5 | sha256sum)" = "$(sha256sum </run/large)"
      wait $mapper || { cat /run/mapped; false; }
      kill $sleeper
      exec 5<&-
      # Without any command of ours: what is in a snapshot is copied from there.
      echo lost >tree/small
      cp tree/.snapshots/one/small tree/small
      test "$(cat tree/small)" = 'a few bytes'
      rm tree/large
      cp -a .snapshots/one/tree/large tree/
      cmp tree/large /run/large
      zerofs_nfs check --data /srv/data
    `,
    })
  },
)

scenario(
  test,
  'a restore to the operator’s disk is a true copy, and mistakes are told',
  async () => {
    await inGuest({
      script: `${SERVED}
      snapshot create one
      rm -r tree
      restore tree/large --snapshot one --output /run/large
      cmp /run/large .snapshots/one/tree/large
      restore tree/uvu --snapshot one --output /run/uvu
      diff -r /run/uvu .snapshots/one/tree/uvu
      fails restore tree/large --snapshot none
      cat /run/failure
      grep -q none /run/failure
      grep -q one /run/failure
      fails restore tree/lost --snapshot one
      cat /run/failure
      grep -q tree/lost /run/failure
    `,
    })
  },
)

test.run()
