import { suite } from 'uvu'
import { inGuest, scenario } from './scenario.ts'

const test = suite('guest: mounting')

scenario(test, 'no options are needed where port 111 is free, by any address', async () => {
  await inGuest({
    script: `
      serve /srv/data
      for name in localhost 127.0.0.1 '[::1]'; do
        mount -t nfs "$name:/" /mnt
        grep -q ' /mnt nfs .*vers=3,rsize=1048576,wsize=1048576,.*hard,' /proc/mounts
        echo "by $name" >/mnt/file
        test "$(ls -A /mnt)" = file
        df /mnt
        umount /mnt
      done
      mount -t nfs localhost:/ /mnt
      test "$(cat /mnt/file)" = 'by [::1]'
      umount /mnt
      stop_server
    `,
  })
})

scenario(
  test,
  'a directory of the export can be mounted, and one that is not there cannot',
  async () => {
    await inGuest({
      script: `
      serve /srv/data
      mount -t nfs localhost:/ /mnt
      mkdir -p /mnt/a/b /run/b
      echo deep >/mnt/a/b/file
      mount -t nfs localhost:/a/b /run/b
      test "$(cat /run/b/file)" = deep
      umount /run/b
      # Asked for no version, mount.nfs would end with its first try's error instead, that of 4.2.
      fails mount -t nfs -o vers=3 localhost:/a/c /run/b
      grep -q 'No such file' /run/failure
    `,
    })
  },
)

scenario(test, "registers with the system's rpcbind, and takes its names back", async () => {
  await inGuest({
    script: `
      rpcbind -w
      registered() { rpcinfo -p 127.0.0.1 | grep -Eq "$1"; }
      serve /srv/data
      registered '100003 +3 +tcp +2049'
      registered '100005 +3 +tcp'
      registered '100005 +3 +udp'
      for name in localhost '[::1]'; do
        mount -t nfs "$name:/" /mnt
        touch /mnt/file
        umount /mnt
      done
      stop_server
      fails registered '100003|100005'
    `,
  })
})

scenario(test, 'an ordinary user serves, and the command that is printed mounts it', async () => {
  await inGuest({
    script: `
      mkdir /srv/data
      chown 65534 /srv/data
      AS=(setpriv --reuid 65534 --regid 65534 --clear-groups)
      serve /srv/data
      cat /run/server.log
      command=$(grep -o 'mount -t nfs .*' /run/server.log | head -n 1)
      grep -q 'port=' <<<"$command"
      eval "$command"
      touch /mnt/file
      ls -l /mnt
      umount /mnt
      stop_server
    `,
  })
})

scenario(
  test,
  'serves on other ports where its own are taken, and says which command mounts it',
  async () => {
    await inGuest({
      script: `
      node -e 'for (const port of [111, 2049]) require("net").createServer().listen(port)' &
      eventually 5 bash -c '2>/dev/null >/dev/tcp/127.0.0.1/2049'
      serve /srv/data
      cat /run/server.log
      command=$(grep -o 'mount -t nfs .*' /run/server.log | head -n 1)
      grep -q 'port=' <<<"$command"
      eval "$command"
      touch /mnt/file
      umount /mnt
      stop_server
    `,
    })
  },
)

test.run()
