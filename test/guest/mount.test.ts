import { suite } from 'uvu'
import { inGuest, scenario } from './scenario.ts'

const test = suite('guest: mounting')

/** showmount(8) tells what is exported, and who has mounted what, and is right after umount too. */
const SHOWMOUNT = `
      mounts() { test "$(showmount "$1" 127.0.0.1)" = "$(printf %b "$2")"; }
      mounts -e 'Export list for 127.0.0.1:\\n/ (everyone)'
      mount -t nfs 127.0.0.1:/ /mnt
      mkdir /mnt/sub /run/sub
      mount -t nfs '[::1]:/sub' /run/sub
      mounts -a 'All mount points on 127.0.0.1:\\n127.0.0.1:/\\n::1:/sub'
      mounts -d 'Directories on 127.0.0.1:\\n/\\n/sub'
      mounts --no-headers '127.0.0.1\\n::1'
      umount /mnt
      mounts -a 'All mount points on 127.0.0.1:\\n::1:/sub'
      umount /run/sub
      mounts -d 'Directories on 127.0.0.1:'
`

/** There are no ACLs: programs that ask for them see the mode, and setting one is refused. */
const ACLS = `
      mount -t nfs localhost:/ /mnt
      chmod 640 /mnt/file
      test "$(getfacl -cp /mnt/file)" = "$(printf 'user::rw-\\ngroup::r--\\nother::---')"
      test "$(ls -l /mnt/file | cut -c 1-11)" = '-rw-r----- '
      ls -lR /mnt >/run/listed 2>&1
      fails grep -E '[+]|not supported' /run/listed
      fails setfacl -m u:1000:rw /mnt/file
      grep -q 'Operation not supported' /run/failure
      fails setfacl -d -m u:1000:rwx /mnt/sub
      grep -q 'Operation not supported' /run/failure
      # What the mode can say is a chmod.
      setfacl -m g::rw /mnt/file
      test "$(stat -c %a /mnt/file)" = 660
      cp -a /mnt/file /mnt/copy
      test "$(stat -c %a /mnt/copy)" = 660
      umount /mnt
`

/** Sizes and connections: what is written is what is read, however it travels. */
const OPTIONS = `
      # travels OPTIONS HOST MIB
      travels() {
        mount -t nfs -o "$1" "$2:/" /mnt
        grep ' /mnt nfs ' /proc/mounts >/run/mounted
        dd if=/dev/urandom of=/run/random bs=1M count=$3 status=none
        cp /run/random /mnt/travelled
        forget_caches
        cmp /run/random /mnt/travelled
        connections=$(awk '$2 ~ /:0801$/ && $4 == "01"' /proc/net/tcp | wc -l)
        umount /mnt
      }
      travels rsize=4096,wsize=4096 127.0.0.1 2
      grep -q 'rsize=4096,wsize=4096' /run/mounted
      travels rsize=1048576,wsize=4096,soft,noac,nordirplus,mountproto=tcp6 '[::1]' 2
      grep -q 'rsize=1048576,wsize=4096.*soft.*nordirplus.*proto=tcp6.*sec=sys' /run/mounted
      travels rsize=1048576,wsize=1048576,nconnect=16 127.0.0.1 16
      grep -q 'rsize=1048576,wsize=1048576.*nconnect=16' /run/mounted
      test "$connections" -ge 16
`

/** AUTH_SYS has room for 16 groups: the client sends these, and what the 17th may is not allowed. */
const GROUPS = `
      mount -t nfs localhost:/ /mnt
      for gid in 2001 2016 2017; do
        echo $gid >/mnt/$gid
        chgrp $gid /mnt/$gid
        chmod 640 /mnt/$gid
      done
      as() { setpriv --reuid 1000 --regid 1000 --groups "$(seq -s , 2001 2017)" "$@"; }
      test "$(as cat /mnt/2001 /mnt/2016)" = "$(printf '2001\\n2016')"
      fails as cat /mnt/2017
      grep -q 'Permission denied' /run/failure
      umount /mnt
      # Who shows no credential is nobody, root too.
      mount -t nfs -o vers=3,sec=none localhost:/ /mnt
      grep -q ' /mnt nfs .*sec=null' /proc/mounts
      test "$(cat /mnt/travelled | wc -c)" -gt 0
      fails cat /mnt/2001
      umount /mnt
`

/** Another name of the root, who is squashed, who is kept out, and what is there over UDP. */
const EXPORTED = `
      rpcinfo -T udp 127.0.0.1 100003 3
      # mount.nfs finds NFS there, and then the kernel refuses (as Debian's does), or takes it.
      mount -v -t nfs -o udp,vers=3 127.0.0.1:/ /mnt >/run/udp 2>&1 && umount /mnt || true
      grep -q 'prog 100003 vers 3 prot UDP port 2049' /run/udp
      exported=$(printf '/     (everyone)\\n/data (everyone)')
      test "$(showmount -e --no-headers 127.0.0.1)" = "$exported"
      mount -t nfs localhost:/data /mnt
      chmod 777 /mnt
      mv /mnt/travelled /mnt/moved
      umount /mnt
      stop_server
      serve /srv/data --squash all --anon 1000:2000 --allow 127.0.0.0/8
      mount -t nfs 127.0.0.1:/ /mnt
      touch /mnt/mine
      test "$(stat -c %u:%g /mnt/mine)" = 1000:2000
      umount /mnt
      test "$(showmount -e --no-headers 127.0.0.1)" = '/ 127.0.0.0/8'
      fails mount -t nfs -o vers=3 '[::1]:/' /mnt
      grep -q 'access denied' /run/failure
`

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
      ${SHOWMOUNT}
      ${ACLS}
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
      serve /srv/data --udp --alias data
      mount -t nfs localhost:/ /mnt
      mkdir -p /mnt/a/b /run/b
      echo deep >/mnt/a/b/file
      mount -t nfs localhost:/a/b /run/b
      test "$(cat /run/b/file)" = deep
      umount /run/b
      # Asked for no version, mount.nfs would end with its first try's error instead, that of 4.2.
      fails mount -t nfs -o vers=3 localhost:/a/c /run/b
      grep -q 'No such file' /run/failure
      umount /mnt
      ${OPTIONS}
      ${GROUPS}
      ${EXPORTED}
      stop_server
    `,
    })
  },
)

scenario(test, "registers with the system's rpcbind, and takes its names back", async () => {
  await inGuest({
    script: `
      rpcbind -w
      registered() { rpcinfo -p 127.0.0.1 | grep -Eq "$1"; }
      serve /srv/data --udp
      registered '100003 +3 +tcp +2049'
      registered '100003 +3 +udp +2049'
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
