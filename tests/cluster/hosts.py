"""Hosts on one machine: each has its own network, name and /dev/shm, and a cable to a switch that can be cut.

A host is a process that holds namespaces open; the switch is another one, with a bridge. Files and process numbers are the
machine's. Open MPI takes them for nodes: TCP between them, shared memory within one. Needs root, unshare, nsenter, ip and tc.
"""

import os
import shutil
import signal
import subprocess
import time

NAMESPACES = ("--net", "--uts", "--mount", "--ipc")
TOOLS = ("setpriv", "unshare", "nsenter", "ip", "tc", "mpirun")
PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
# A daemon that does not answer for so many seconds is taken for lost: 3 + 3 x 1. Without it mpirun waits for hours.
KEEPALIVE = ("--mca", "oob_tcp_keepalive_time", "3", "--mca", "oob_tcp_keepalive_intvl", "1", "--mca", "oob_tcp_keepalive_probes", "3")


CHROOT = "whoever enters a mount namespace leaves this chroot"


def can_enter_namespaces():
    """Whether this file is there for who enters a mount namespace: in a chroot it is not."""
    enter = ["unshare", "--mount", "sh", "-c", 'exec nsenter --target $$ --mount test -e "$1"', "sh", os.path.abspath(__file__)]
    return subprocess.run(enter, capture_output=True, check=False).returncode == 0


def why_not():
    """What is missing here, or None."""
    if os.geteuid() != 0:
        return "hosts in network namespaces need root"
    missing = [tool for tool in TOOLS if shutil.which(tool, path=PATH) is None]
    if missing:
        return "needs " + ", ".join(missing)
    tried = subprocess.run(["unshare", *NAMESPACES, "ip", "link", "add", "probe", "type", "veth"], env={**os.environ, "PATH": PATH},
                           capture_output=True, text=True, check=False)
    if tried.returncode == 0:
        return None if can_enter_namespaces() else CHROOT
    return "this system gives no network namespaces: " + tried.stderr.strip()


class Hosts:
    """`with Hosts(3, folder) as hosts:` node1 ... node3; cables of that rate both ways."""

    def __init__(self, count, folder, rate="1gbit"):
        self.names = [f"node{i + 1}" for i in range(count)]
        self.folder = folder
        self.rate = rate
        self.holders = {}

    def __enter__(self):
        try:
            self.set_up()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def set_up(self):
        table = os.path.join(self.folder, "hosts")
        with open(table, "w", encoding="utf-8") as file:
            file.write("127.0.0.1 localhost\n")
            file.writelines(f"{self.address(name)} {name}\n" for name in self.names)
        for name in ["switch", *self.names]:
            self.hold(name, table)
        self.at("switch", "ip", "link", "add", "bridge", "type", "bridge", "forward_delay", "0")
        self.at("switch", "ip", "link", "set", "bridge", "up")
        for name in self.names:
            self.connect(name)
        self.agent = os.path.join(self.folder, "agent")
        with open(self.agent, "w", encoding="utf-8") as file:
            # In the place of ssh: AGENT HOST COMMAND... It does not stay, so mpirun hears of a dead host through the network alone.
            file.write(f"#!/bin/sh\nhost=$1\nshift\nread -r pid <'{self.folder}'/\"$host\".pid\n"
                       f'setsid nsenter --target "$pid" {" ".join(NAMESPACES)} -- sh -c "$*" </dev/null >>\'{self.folder}/log\' 2>&1 &\n')
        os.chmod(self.agent, 0o755)

    def address(self, name):
        return f"10.91.0.{self.names.index(name) + 1}"

    def hold(self, name, table):
        script = ('hostname "$1" && mount --bind "$2" /etc/hosts && mount -t tmpfs -o mode=1777 shm /dev/shm && ip link set lo up '
                  "&& echo ready && exec sleep infinity")
        # However this process ends, the hosts end with it.
        command = ["setpriv", "--pdeathsig", "KILL", "unshare", *NAMESPACES, "sh", "-c", script, "sh", name, table]
        holder = subprocess.Popen(command, env={**os.environ, "PATH": PATH}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, start_new_session=True)
        self.holders[name] = holder
        if holder.stdout.readline() != "ready\n":
            raise RuntimeError(f"{name} cannot be set up")
        with open(os.path.join(self.folder, f"{name}.pid"), "w", encoding="utf-8") as file:
            file.write(f"{holder.pid}\n")

    def connect(self, name):
        port = f"to-{name}"
        self.at("switch", "ip", "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", str(self.holders[name].pid))
        self.at("switch", "ip", "link", "set", port, "master", "bridge", "up")
        self.at(name, "ip", "address", "add", self.address(name) + "/24", "dev", "eth0")
        self.at(name, "ip", "link", "set", "eth0", "up")
        for host, device in (("switch", port), (name, "eth0")):
            self.at(host, "tc", "qdisc", "add", "dev", device, "root", "tbf", "rate", self.rate, "burst", "128kb", "latency", "20ms")

    def inside(self, name, *command):
        return ["nsenter", "--target", str(self.holders[name].pid), *NAMESPACES, "--", *command]

    def at(self, name, *command):
        """Runs a command on a host, or on the switch."""
        subprocess.run(self.inside(name, *command), env={**os.environ, "PATH": PATH}, check=True, stdin=subprocess.DEVNULL)

    def cut(self, name):
        self.at("switch", "ip", "link", "set", f"to-{name}", "down")

    def mend(self, name):
        self.at("switch", "ip", "link", "set", f"to-{name}", "up")

    def crash(self, name):
        """As without power: nothing gets out any more, and everything there is gone."""
        self.cut(name)
        self.kill_all(name)

    def kill_all(self, name):
        for pid in self.pids(name):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def pids(self, name, program=""):
        """What runs on that host, but for what holds it; with program: whose name that is."""
        space = os.readlink(f"/proc/{self.holders[name].pid}/ns/net")
        found = []
        for entry in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{entry}/comm", encoding="utf-8") as file:
                    named = file.read().strip()
                here = os.readlink(f"/proc/{entry}/ns/net") == space
            except OSError:
                continue
            if here and int(entry) != self.holders[name].pid and program in ("", named):
                found.append(int(entry))
        return found

    def mpirun(self, slots, *command, options=()):
        """The command line, and its environment, of mpirun on the first host; slots: ranks of each host."""
        hosts = ",".join(f"{name}:{count}" for name, count in zip(self.names, slots, strict=True))
        return self.inside(self.names[0], "mpirun", "--host", hosts, "-n", str(sum(slots)), "--bind-to", "none",
                           "--mca", "plm", "rsh", "--mca", "plm_rsh_agent", self.agent, "--mca", "pml", "ob1",
                           "--mca", "btl", "tcp,vader,self", "--mca", "btl_tcp_if_include", "eth0",
                           "--mca", "oob_tcp_if_include", "eth0", *options, *command)

    def close(self):
        for name, holder in self.holders.items():
            if holder.poll() is None:
                self.kill_all(name)
        for holder in self.holders.values():
            holder.kill()
            holder.wait()
            holder.stdout.close()
        self.holders = {}


def wait_until(condition, seconds, what):
    """Asks every 20 ms."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"after {seconds} s: {what}")
        time.sleep(0.02)
