import { suite } from 'uvu'
import { inGuest, scenario } from './scenario.ts'

const test = suite('guest: clones')

const SERVED = `
  serve /srv/data
  snapshot() { zerofs_nfs snapshot "$@" --data /srv/data; }
  dataset() { zerofs_nfs dataset "$@" --data /srv/data; }
  dataset create projects
  mkdir /run/projects /run/try
  mount -t nfs -o nolock localhost:/projects /run/projects
  cd /run/projects
  package uvu cac
  mkdir tree
  tar -C tree -xpf /run/packages.tar
  dd if=/dev/urandom of=tree/large bs=1M count=5 status=none
  printf 'a few bytes' >tree/small
  ln tree/small tree/linked
  ln -s small tree/symbolic
  truncate -s 20M tree/sparse
  printf middle | dd of=tree/sparse bs=1 seek=9M conv=notrunc status=none
  forget_caches
  manifest . >/run/before
  cp tree/large /run/large
  snapshot create one --dataset projects
  zerofs_nfs clone one try --dataset projects --data /srv/data
  mount -t nfs -o nolock localhost:/try /run/try
  in_state() {
    forget_caches
    manifest "$1" >/run/after
    same "$2" /run/after
  }
`

scenario(test, 'a clone begins as the snapshot, and both go their own ways', async () => {
  await inGuest({
    script: `${SERVED}
      in_state /run/try /run/before
      test "$(stat -c %d /run/try)" != "$(stat -c %d /run/projects)"
      exec 5<tree/large 6</run/try/tree/large

      # Each writes to what both share, and removes, renames and makes other things.
      printf origin | dd of=tree/large bs=1 seek=1M conv=notrunc status=none
      rm -r tree/uvu
      mv tree/cac tree/renamed
      printf ' of the origin' >>tree/small
      printf clone | dd of=/run/try/tree/large bs=1 seek=4M conv=notrunc status=none
      rm /run/try/tree/linked /run/try/tree/symbolic
      mv /run/try/tree/uvu /run/try/up
      printf ' of the clone' >>/run/try/tree/small
      truncate -s 10M /run/try/tree/sparse
      forget_caches
      test "$(cat tree/linked)" = 'a few bytes of the origin'
      test "$(cat /run/try/tree/small)" = 'a few bytes of the clone'
      cp /run/large /run/wanted
      printf origin | dd of=/run/wanted bs=1 seek=1M conv=notrunc status=none
      cmp /run/wanted tree/large
      cmp /run/wanted <&5
      cp /run/large /run/wanted
      printf clone | dd of=/run/wanted bs=1 seek=4M conv=notrunc status=none
      cmp /run/wanted /run/try/tree/large
      cmp /run/wanted <&6
      test -d /run/try/up -a -d /run/try/tree/cac -a ! -e tree/uvu -a ! -e up
      in_state .snapshots/one /run/before
      zerofs_nfs check --data /srv/data
    `,
  })
})

scenario(
  test,
  'a promoted clone outlives the snapshot and the dataset that it was made of',
  async () => {
    await inGuest({
      script: `${SERVED}
      printf clone | dd of=/run/try/tree/large bs=1 seek=4M conv=notrunc status=none
      rm -r /run/try/tree/uvu
      forget_caches
      manifest /run/try >/run/cloned
      exec 5</run/try/tree/large
      fails snapshot delete one --dataset projects
      grep -q "try" /run/failure
      dataset promote try
      in_state /run/try /run/cloned
      snapshot delete one --dataset projects
      in_state /run/projects /run/before
      in_state /run/try /run/cloned
      cd /
      umount /run/projects
      dataset delete projects
      # What the client has in memory is forgotten: these are the blocks that are left.
      in_state /run/try /run/cloned
      cmp /run/try/tree/large <&5
      exec 5<&-
      umount /run/try
      zerofs_nfs check --data /srv/data
      stop_server
      serve /srv/data
      mount -t nfs -o nolock localhost:/try /run/try
      in_state /run/try /run/cloned
    `,
    })
  },
)

test.run()
