import { suite } from 'uvu'
import { inGuest, scenario } from './scenario.ts'

const test = suite('guest: datasets')

scenario(test, 'a dataset is a mount of its own, and a folder of the root', async () => {
  await inGuest({
    script: `
      serve /srv/data
      dataset() { zerofs_nfs dataset "$@" --data /srv/data; }
      mount -t nfs -o nolock localhost:/ /mnt
      echo one >/mnt/file
      dataset create projects --quota 10M --inodes 20
      # It is there at once, by name and in the listing, and another file system.
      test -d /mnt/projects
      test "$(ls /mnt | tr '\\n' ' ')" = 'file projects '
      test "$(stat -c %d /mnt/projects/.)" != "$(stat -c %d /mnt)"
      mkdir /run/projects
      mount -t nfs -o nolock localhost:/projects /run/projects
      echo two >/run/projects/two
      test "$(cat /mnt/projects/two)" = two
      test "$(df --output=size -B1M /run/projects | tail -1)" -eq 10
      # From one to the other is a copy, as between disks.
      mv /mnt/file /mnt/projects/file
      test "$(cat /run/projects/file)" = one
      fails ln /mnt/projects/file /mnt/linked
      grep -qi 'cross-device' /run/failure
      # The quota holds, and what was there stays.
      fails dd if=/dev/zero of=/run/projects/large bs=1M count=20 conv=fsync
      grep -qi 'quota' /run/failure
      rm -f /run/projects/large
      fails sh -c 'seq -f /run/projects/f%g 30 | xargs touch'
      grep -qi 'quota' /run/failure
      test "$(cat /run/projects/file /run/projects/two | tr '\\n' ' ')" = 'one two '
      rm -f /run/projects/f*[0-9]
      # Its name goes by no other way than its own.
      umount /mnt/projects
      fails rmdir /mnt/projects
      fails mv /mnt/projects /mnt/renamed
      fails mkdir /mnt/projects
      umount /run/projects
      dataset delete projects
      forget_caches
      test -z "$(ls /mnt)"
      fails ls /mnt/projects
      umount /mnt
      zerofs_nfs check --data /srv/data
      stop_server
    `,
  })
})

scenario(test, 'a restart under mounts of datasets is not noticed', async () => {
  await inGuest({
    script: `
      serve /srv/data
      zerofs_nfs dataset create one --data /srv/data
      zerofs_nfs dataset create two --data /srv/data
      mount -t nfs -o nolock localhost:/ /mnt
      mkdir /run/two
      mount -t nfs -o nolock localhost:/two /run/two
      exec 5>/mnt/one/open 6>/run/two/open
      echo before >&5
      echo before >&6
      stop_server
      serve /srv/data 5>&- 6>&-
      echo after >&5
      echo after >&6
      exec 5>&- 6>&-
      test "$(cat /mnt/one/open | tr '\\n' ' ')" = 'before after '
      test "$(cat /mnt/two/open | tr '\\n' ' ')" = 'before after '
      umount /run/two
      umount -R /mnt
      stop_server
    `,
  })
})

test.run()
