import { suite } from 'uvu'
import { inGuest, scenario } from './scenario.ts'

const test = suite('guest: snapshots of all datasets')

scenario(test, 'snapshots of all datasets while programs write to several', async () => {
  await inGuest({
    timeoutSeconds: 300,
    script: `
      serve /srv/data
      snapshot() { zerofs_nfs snapshot "$@" --data /srv/data; }
      for name in a b; do
        zerofs_nfs dataset create $name --data /srv/data
        mkdir /run/$name
        mount -t nfs -o nolock localhost:/$name /run/$name
        echo 0 >/run/$name/count
      done
      sync
      # Each number is in one dataset before it is in the other.
      for number in $(seq 1 1000000); do
        for name in a b; do
          echo $number | dd of=/run/$name/count conv=notrunc,fsync status=none
        done
      done &
      writer=$!
      for number in $(seq 1 4); do
        snapshot create s$number --recursive
        sleep 0.$number
      done
      kill $writer
      wait $writer || true
      last=0
      for number in $(seq 1 4); do
        a=$(cat /run/a/.snapshots/s$number/count)
        b=$(cat /run/b/.snapshots/s$number/count)
        echo "snapshot $number has $a and $b"
        test $a -ge $b
        test $((a - b)) -le 1
        test $b -ge $last
        last=$b
      done
      test $last -gt 0
      # One name that is taken, and none is made.
      snapshot create s9 --dataset b
      fails snapshot create s9 --recursive
      grep -q "in dataset 'b': a snapshot 's9' exists already" /run/failure
      fails ls /run/a/.snapshots/s9
      # Gone at once, everywhere.
      snapshot delete 's[1-4]' --recursive
      for name in a b; do fails ls /run/$name/.snapshots/s3; done
      zerofs_nfs check --data /srv/data
      stop_server
    `,
  })
})

test.run()
