import { suite } from 'uvu'
import { inGuest, scenario } from './scenario.ts'

const test = suite('guest: quota')

scenario(test, 'quota(1) tells what a dataset may take, and takes', async () => {
  await inGuest({
    script: `
      serve /srv/data
      dataset() { zerofs_nfs dataset "$@" --data /srv/data; }
      dataset create projects --quota 10M --inodes 20 --owner 1000:1000
      dataset create free
      # The portmapper knows it, on both transports, and each version answers.
      for version in 1 2; do
        rpcinfo -T udp 127.0.0.1 100011 $version
        rpcinfo -T tcp 127.0.0.1 100011 $version
      done
      mkdir /run/projects /run/free
      mount -t nfs -o nolock localhost:/projects /run/projects
      mount -t nfs -o nolock localhost:/free /run/free
      dd if=/dev/zero of=/run/projects/file bs=1M count=4 conv=fsync status=none
      touch /run/projects/other
      sync
      # Blocks of 1 KiB: used, quota, limit; files likewise, the root directory too.
      told() { quota -v -w -p -u "$1" | grep localhost:/projects; }
      test "$(told 1000 | awk '{ print $1, $2, $3, $4 }')" = 'localhost:/projects 4096 10240 10240'
      test "$(told 1000 | awk '{ print $6, $7, $8 }')" = '3 20 20'
      # It is the same for everybody, and for root.
      test "$(told 0)" = "$(told 1000)"
      test "$(setpriv --reuid=1000 --clear-groups quota -v -w -p | grep :/projects)" = "$(told 0)"
      # What is full is marked, and quota(1) says so by its exit code.
      fails dd if=/dev/zero of=/run/projects/large bs=1M count=20 conv=fsync status=none
      sync
      fails quota -v -w -p -u 1000
      cp /run/failure /run/told
      grep -q '10240[*]' /run/told
      # Where there is no quota, none is told.
      fails grep 'localhost:/free' /run/told
      # Nothing can be set from a client.
      fails setquota -r -u 1000 1 2 3 4 /run/projects
      dataset set projects --quota 20M
      test "$(told 1000 | awk '{ print $3, $4 }')" = '20480 20480'
      umount /run/projects /run/free
      stop_server
    `,
  })
})

test.run()
