# What the scripts for the AWS CLI share: read by them, not run.

ec2() { aws ec2 "$@" --output text; }
die() {
  echo "world.sh: $*" >&2
  exit 1
}

# is WHAT GOT WANTED
is() {
  [ "$2" = "$3" ] || die "$1 is \"$2\" instead of \"$3\""
  echo "$1 is $3"
}

# refused CODE ARGUMENTS...: the call has to fail with this code
refused() {
  wanted=$1
  shift
  if said=$(aws ec2 "$@" 2>&1); then die "$1 was not refused: $said"; fi
  case $said in *"($wanted)"*) echo "$1 is refused: $wanted" ;; *) die "$1 was refused otherwise: $said" ;; esac
}

# until_is WANTED ARGUMENTS...: for 20 seconds at most
until_is() {
  wanted=$1
  shift
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    got=$(ec2 "$@" 2>&1) || got="($got)"
    case $got in "$wanted" | *"($wanted)"*) return ;; esac
    sleep 1
  done
  die "$1 still answers \"$got\" instead of \"$wanted\""
}
