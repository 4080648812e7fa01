# What bench/kernel.ts has the guest do. It sets: FILES, GIT (tar files), SERVERS (words `name port
# mountport path`, one after the other), ROUNDS, TREES (1 or nothing), FIO_MIB and FIO_SMALL_MIB.

# calls MOUNTPOINT: how often each procedure was called on it, and its milliseconds, all together.
calls() {
  awk -v at="$1" '
    $1 == "device" { here = $5 == at }
    here && /^\t *[A-Z]+: / && NF >= 9 { sub(":", "", $1); print $1, $2, $8 }
  ' /proc/self/mountstats
}

# measure SERVER WORK COMMAND...: tells how long it took, or what it left in $took, in microseconds.
measure() {
  local server=$1 work=$2 started ended
  shift 2
  forget_caches
  calls "/mnt/$server" >/run/before
  host began "$server"
  took=
  started=$EPOCHREALTIME
  "$@"
  ended=$EPOCHREALTIME
  : "${took:=$((${ended/./} - ${started/./}))}"
  calls "/mnt/$server" >/run/after
  host ended "$server" "$work" "$took" $(awk '
    NR == FNR { count[$1] = $2; ms[$1] = $3; next }
    $2 > count[$1] { print $1 ":" $2 - count[$1] ":" $3 - ms[$1] }
  ' /run/before /run/after)
}

# runs_fio ARG...: leaves the time of the work itself in $took, without the start of the program.
runs_fio() {
  fio --thread --minimal --name=work "$@" >/run/fio.log || { cat /run/fio.log; return 1; }
  took=$(awk -F';' 'NF > 100 { print ($9 + $50) * 1000 }' /run/fio.log)
}

trees() {
  local server=$1
  mkdir "/mnt/$server/tree"
  cd "/mnt/$server/tree"
  measure "$server" untar tar -xf "$FILES"
  tar -xf "$GIT"
  # Its index knows other inodes: that it looks at every file is no part of what is measured.
  git status --porcelain >/run/changed
  test ! -s /run/changed
  measure "$server" status git status --porcelain
  measure "$server" checkout git checkout -q other
  cd /
  measure "$server" list find "/mnt/$server/tree" -type f -size +1000000k
  measure "$server" remove rm -r "/mnt/$server/tree"
}

pieces() {
  local server=$1 file=/mnt/$1/fio deep
  deep='--direct=1 --ioengine=libaio --iodepth=16 --bs=4k'
  measure "$server" write-runs runs_fio --filename="$file" --rw=write --bs=1M \
    --size="${FIO_MIB}M" --end_fsync=1
  measure "$server" read-runs runs_fio --filename="$file" --rw=read --bs=1M --size="${FIO_MIB}M"
  measure "$server" read-pieces runs_fio --filename="$file" --rw=randread $deep \
    --size="${FIO_MIB}M" --io_size="${FIO_SMALL_MIB}M"
  measure "$server" write-pieces runs_fio --filename="$file" --rw=randwrite $deep \
    --size="${FIO_MIB}M" --io_size="${FIO_SMALL_MIB}M"
  rm "$file"
}

set -- "${SERVERS[@]}"
names=()
while [ $# -gt 0 ]; do
  names+=("$1")
  mkdir "/mnt/$1"
  mount -t nfs -o "nfsvers=3,proto=tcp,mountproto=tcp,nolock,port=$2,mountport=$3" \
    "server:$4" "/mnt/$1"
  shift 4
done
for round in $(seq "$ROUNDS"); do
  for server in "${names[@]}"; do
    [ -z "$TREES" ] || trees "$server"
    [ "$FIO_MIB" = 0 ] || pieces "$server"
  done
done
