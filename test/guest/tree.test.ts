import { suite } from 'uvu'
import { inGuest, scenario } from './scenario.ts'

const test = suite('guest: real work')

const MOUNT = `
  serve /srv/data
  mount -t nfs -o nolock localhost:/ /mnt
  cd /mnt
`

scenario(test, 'a tree unpacked with tar is, read back, the tree that was packed', async () => {
  await inGuest({
    script: `${MOUNT}
      package classic-level @types/node uvu
      mkdir sources
      tar -C sources -xpf /run/packages.tar
      forget_caches
      tar -C sources --compare -f /run/packages.tar
      tar -C sources -cf - . | tar -C /run --one-top-level=copy -xpf -
      diff -r --no-dereference sources /run/copy
      rm -r sources
      test -z "$(ls -A)"
    `,
  })
})

scenario(test, 'git works: add, commit, branch, switch, gc, fsck and clone', async () => {
  await inGuest({
    script: `${MOUNT}
      export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
      package uvu fast-check
      mkdir repository
      cd repository
      tar -xf /run/packages.tar
      git init -q -b main
      git add -A
      git commit -qm 'As installed'
      git switch -q -c other
      git mv uvu moved
      rm -r fast-check/lib
      echo change >>moved/package.json
      git commit -qam 'Move, delete, change'
      git switch -q main
      forget_caches
      test -z "$(git status --porcelain)"
      git switch -q other
      git gc -q
      git fsck --strict --full
      git clone -q . ../clone
      test "$(git -C ../clone rev-parse HEAD)" = "$(git rev-parse HEAD)"
      diff -r -x .git . ../clone
    `,
  })
})

scenario(test, 'sqlite keeps a database, with its journal and with its log', async () => {
  await inGuest({
    script: `${MOUNT}
      for mode in delete wal; do
        sqlite3 $mode.db "
          pragma journal_mode = $mode;
          create table t (id integer primary key, text);
          with recursive n(i) as (select 1 union all select i + 1 from n where i < 5000)
            insert into t select i, hex(randomblob(40)) from n;
          create index by_text on t (text);"
        for i in 1 2 3 4 5; do sqlite3 $mode.db "delete from t where id % 7 = $i; vacuum;"; done
        forget_caches
        test "$(sqlite3 $mode.db 'pragma integrity_check; select count(*) from t')" = "ok
1428"
      done
    `,
  })
})

scenario(test, 'fio reads back what it wrote, in 1 MiB runs and in 4 KiB pieces', async () => {
  await inGuest({
    script: `${MOUNT}
      check() {
        fio --thread --directory=/mnt --verify=crc32c --verify_fatal=1 --do_verify=1 \\
          --output=/run/fio.log "$@" || { cat /run/fio.log; return 1; }
      }
      check --name=runs --rw=write --bs=1M --size=64M --end_fsync=1
      check --name=pieces --rw=randwrite --bs=4k --size=8M --fsync=128
      check --name=direct --rw=randwrite --bs=4k --size=2M --direct=1
      check --name=over --rw=randwrite --bs=4k --size=4M --filename=runs.0.0
    `,
  })
})

scenario(test, 'what programs expect of files, directories and links holds', async () => {
  await inGuest({
    script: `${MOUNT}
      # A hole reads as zeros and takes no room.
      truncate -s 1G sparse
      printf end | dd of=sparse bs=1 seek=500M conv=notrunc status=none
      forget_caches
      test "$(stat -c %s sparse)" = 1073741824
      test "$(stat -c %b sparse)" -lt 4096
      test "$(dd if=sparse bs=1 skip=500M count=4 status=none | od -An -c | tr -d ' ')" = 'end\\0'

      # An open file survives its name, and a rename over it.
      echo old >file
      exec 5<file
      echo new >file.tmp
      mv file.tmp file
      test "$(cat <&5)" = old
      test "$(cat file)" = new
      exec 5<&-

      # Names are bytes.
      for name in ' ' $'new\\nline' $'\\xff\\xfe' -dash "$(printf 'x%.0s' {1..255})"; do
        echo "$name" >"./$name"
        forget_caches
        test "$(cat "./$name")" = "$name"
        rm -- "./$name"
      done
      fails touch "$(printf 'x%.0s' {1..256})"

      # Links and special files.
      ln file link
      test "$(stat -c %h file)" = 2
      ln -s 'a b/../c' symbolic
      test "$(readlink symbolic)" = 'a b/../c'
      mkfifo fifo
      mknod null c 1 3
      echo gone >null
      test "$(stat -c %t:%T null)" = 1:3

      # A directory of many names is listed whole, each name once, and empties.
      mkdir many
      (cd many && seq -f 'entry-%05g' 3000 | xargs touch)
      forget_caches
      ls many | cmp - <(seq -f 'entry-%05g' 3000)
      rm -r many
      fails rmdir .
      fails mkdir file
    `,
  })
})

scenario(test, 'permissions are those of the user who asks', async () => {
  await inGuest({
    script: `${MOUNT}
      as() { setpriv --reuid "$1" --regid "$1" --clear-groups "\${@:2}"; }
      mkdir -m 1777 shared
      as 1001 sh -c 'echo mine >shared/file; chmod 600 shared/file'
      test "$(stat -c %u:%g:%a shared/file)" = 1001:1001:600
      fails as 1002 cat shared/file
      fails as 1002 rm -f shared/file
      fails as 1002 chmod 666 shared/file
      as 1001 cat shared/file
      mkdir -m 2775 team
      chgrp 1003 team
      as 0 touch team/file
      test "$(stat -c %g team/file)" = 1003
      chown 1001 team/file
      chmod 6755 team/file
      as 1001 sh -c 'echo x >>team/file'
      test "$(stat -c %a team/file)" = 755
    `,
  })
})

test.run()
