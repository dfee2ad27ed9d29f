#!/bin/sh
# check_slurm.sh BUILD: runs the arrays of share/slurm on a Slurm of its own (slurmctld and two
# slurmd on this machine, without munge and cgroups) and compares with a study in one piece. Needs
# root and Debian's slurmctld, slurmd, slurm-client; takes about a minute.
set -eu
build=$(cd "$1" && pwd)
source=$(cd "$(dirname "$0")/../.." && pwd)
skip() {
  echo "check-slurm: skipped: $*"
  exit 0
}
for program in slurmctld slurmd sbatch squeue scontrol; do
  command -v $program >/dev/null ||
    skip "no $program; apt-get install slurmctld slurmd slurm-client"
done
[ "$(id -u)" = 0 ] || skip "slurmd wants to be root"

scratch=$(mktemp -d)
cd "$scratch"
mkdir state spool log work
stop() { # the daemons of this test, by their pid files
  for daemon in slurmd-n1 slurmd-n2 slurmctld; do
    [ -s $daemon.pid ] || continue
    pid=$(cat $daemon.pid)
    kill "$pid" 2>/dev/null || true
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.5
    done
    kill -9 "$pid" 2>/dev/null || true
  done
}
trap 'stop; cd /; rm -rf "$scratch"' EXIT
trap 'exit 1' INT TERM
fail() {
  echo "check-slurm: $*"
  tail -n 20 log/* work/*.log 2>/dev/null || true
  exit 1
}

port=$((20000 + $$ % 20000))
cat >slurm.conf <<CONF
ClusterName=check
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/none
CredType=cred/none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=2
MpiDefault=none
SlurmctldPort=$port
SlurmdPort=$((port + 1))
SlurmctldPidFile=$scratch/slurmctld.pid
SlurmdPidFile=$scratch/slurmd-%n.pid
SlurmctldLogFile=$scratch/log/slurmctld.log
SlurmdLogFile=$scratch/log/slurmd-%n.log
StateSaveLocation=$scratch/state
SlurmdSpoolDir=$scratch/spool/%n
NodeName=n1 NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 Port=$((port + 1)) CPUs=1
NodeName=n2 NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 Port=$((port + 2)) CPUs=1
PartitionName=all Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
CONF
mkdir spool/n1 spool/n2
export SLURM_CONF="$scratch/slurm.conf"
unset SLURM_JOB_ID SLURM_ARRAY_TASK_ID 2>/dev/null || true # in a job of another Slurm

slurmctld || fail "slurmctld does not start"
slurmd -N n1 || fail "slurmd does not start"
slurmd -N n2 || fail "slurmd does not start"
tries=0
while [ "$(sinfo -h -t idle -o %D 2>/dev/null)" != 2 ]; do
  tries=$((tries + 1))
  [ $tries -lt 60 ] || fail "no idle nodes after 30 s: $(sinfo 2>&1)"
  sleep 0.5
done

PATH=$build/bin:$PATH
cd work
resnet-train --arch resnet14-cifar --width 4 --epochs 1 --limit-train 128 --limit-test 32 --batch 32 \
  -q -o model.h5 >/dev/null
study='--delete-random 1,2,3 --trials 8'
# shellcheck disable=SC2086
resnet-lesion model.h5 --data synth:shapes $study --threads 1 --table -q >whole.tsv
export MODEL=model.h5 DATA=synth:shapes STUDY="$study" RESNET_CHECKPOINT_EVERY=0.001s
cd .. # logs and messages are found from here
array=lesion
submit() { (cd work && sbatch --parsable "$@" "$source/share/slurm/$array-array.sbatch"); }
wait_for() { # wait_for SECONDS: until no job is left
  tries=0
  moved=
  while [ -n "$(squeue -h)" ]; do
    # A job that is queued again waits two minutes, here some seconds: in the very second in which it was
    # killed slurmd still holds its credential to be revoked.
    for job in $(squeue -h -t PD -o '%A %r' | awk '$2 == "BeginTime" { print $1 }'); do
      case " $moved " in *" $job "*) continue ;; esac
      scontrol update jobid="$job" starttime=now+5 2>/dev/null && moved="$moved $job"
    done
    tries=$((tries + 1))
    [ $tries -lt $(($1 * 2)) ] || fail "jobs are left after $1 s: $(squeue)"
    sleep 0.5
  done
}

whole_job() { # whole_job JOB
  state=$(scontrol show job "$1" | sed -n 's/.*JobState=\([A-Z]*\).*/\1/p')
  [ "$state" = COMPLETED ] || fail "the last job is $state"
}

id=$(submit --array=1-4)
last=$(submit --dependency=afterok:"$id")
wait_for 180
whole_job "$last"
resnet-plot work/lesion.h5 --table | cmp - work/whole.tsv || fail "the shards give another table"
grep -q '<svg' work/lesion.svg || fail "no picture"
echo "check-slurm: an array of 4 tasks and the job after it: the table of one piece, and a picture"

# Paths. The nodes have one CPU each.
array=paths STUDY='--spectrum --limit-test 32 --batch 4 --branches --sample --trials 6'
export STUDY
# shellcheck disable=SC2086
(cd work && resnet-paths model.h5 --data synth:shapes $STUDY --threads 1 -o one.h5 -q >/dev/null)
id=$(submit --array=1-3 --cpus-per-task=1 --mem=0)
last=$(submit --cpus-per-task=1 --mem=0 --dependency=afterok:"$id")
wait_for 180
whole_job "$last"
for show in effective sampled branches; do
  resnet-plot work/one.h5 --table --show $show >one.tsv
  resnet-plot work/paths.h5 --table --show $show | cmp - one.tsv || fail "the shards of paths give other $show"
done
grep -q '<svg' work/paths.svg || fail "no picture of paths"
echo "check-slurm: paths as an array of 3 tasks and the job after it: the tables of one piece, and a picture"
array=lesion STUDY=$study

# A task that is told to stop saves, is queued again, and goes on.
export RESNET_MEMORY_LIMIT=1M OUT=again # many slices
id=$(submit --array=1-2)
last=$(submit --dependency=afterok:"$id")
tries=0
while [ ! -e work/again.part1-of-2.h5.ckpt ]; do
  tries=$((tries + 1))
  [ $tries -lt 300 ] || fail "no checkpoint of the first task after 60 s: $(squeue)"
  sleep 0.2
done
scancel --signal=TERM "${id}_1"
wait_for 240
grep -q 'stopped by SIGTERM' work/lesion-"$id"-1.log || fail "the task was not stopped: $(cat work/lesion-"$id"-1.log)"
grep -q 'going on from' work/lesion-"$id"-1.log || fail "the task did not go on: $(cat work/lesion-"$id"-1.log)"
resnet-plot work/again.h5 --table | cut -f 1-6,8 >stopped.tsv
cut -f 1-6,8 work/whole.tsv | cmp - stopped.tsv || fail "stopped and queued again: another table"
echo "check-slurm: a task that was stopped was queued again, and gave the same table"
