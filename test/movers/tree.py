"""What a volume may hold, made and described without any code of Holdfast.

tree.py make FOLDER COUNT BYTES fills FOLDER with COUNT files, most of them of up to BYTES, and everything else that a file system can hold
tree.py change FOLDER           changes about one file of a hundred
tree.py describe FOLDER [all]   prints one line for each entry: everything that must come back. 'all' begins with FOLDER itself
"""

import hashlib
import json
import os
import random
import socket
import stat
import sys


def write(path, content, mode=0o644):
    with open(path, "wb") as file:
        file.write(content)
    os.chmod(path, mode)


def make(root, count, size):
    dice = random.Random(7)
    # As binary, so that names need not be text.
    root = os.fsencode(root)
    os.makedirs(root, exist_ok=True)
    at = lambda *names: os.path.join(root, *names)
    for number in range(count):
        folder = at(b"many", b"%02d" % (number % 37))
        os.makedirs(folder, exist_ok=True)
        write(os.path.join(folder, b"file-%05d" % number), dice.randbytes(dice.choice([0, 1, size // 100, size // 2, size])))
    odd = at(b"odd")
    os.makedirs(os.path.join(odd, b"empty", b"deeper"))
    names = [b"new\nline", "schön ✓ 日本".encode(), b"-rf", b" ", b"a*b?[c]\\d", b"$(HOME)", b"n" * 250, b"not-utf8-\xff\xfe", b'quote"\'', b".hidden", b"tab\t"]
    for name in names:
        write(os.path.join(odd, name), b"content of " + name)
    for name, mode in [(b"setuid", 0o4755), (b"setgid", 0o2755), (b"none", 0o000), (b"read-only", 0o444)]:
        write(os.path.join(odd, name), name, mode)
    for name, mode in [(b"sticky", 0o1777), (b"locked", 0o000), (b"group", 0o2770)]:
        os.makedirs(os.path.join(odd, name))
        os.chmod(os.path.join(odd, name), mode)
    os.link(at(b"many", b"01", b"file-00001"), os.path.join(odd, b"hard-link"))
    os.link(at(b"many", b"01", b"file-00001"), at(b"another-hard-link"))
    for name, target in [(b"link", b"../many/01/file-00001"), (b"dangling", b"/nowhere/at/all"), (b"up", b"../../../../etc/passwd")]:
        os.symlink(target, os.path.join(odd, name))
    os.mkfifo(os.path.join(odd, b"fifo"), 0o640)
    with open(os.path.join(odd, b"sparse"), "wb") as file:
        file.write(b"begin")
        file.seek(50_000_000)
        file.write(b"end")
    for name in [b"setuid", b"empty"]:
        os.setxattr(os.path.join(odd, name), b"user.holdfast", b"\x00binary\xff")
    if os.geteuid() == 0:
        for name, owner in [(b"-rf", (1000, 1000)), (b"group", (999, 998)), (b"link", (12345, 54321)), (b"empty", (65534, 0))]:
            os.chown(os.path.join(odd, name), *owner, follow_symlinks=False)
        os.chmod(os.path.join(odd, b"group"), 0o2770)
        os.mknod(os.path.join(odd, b"device"), 0o600 | stat.S_IFCHR, os.makedev(1, 3))
        os.chown(root, 999, 998)
    os.chmod(root, 0o2770)
    here = os.getcwd()
    os.chdir(odd)
    socket.socket(socket.AF_UNIX).bind("socket")
    os.chdir(here)
    for folder, folders, files in os.walk(root, topdown=False):
        for name in files + folders:
            moment = dice.randrange(10**17, 17 * 10**17)
            os.utime(os.path.join(folder, name), ns=(moment, moment), follow_symlinks=False)


def change(root):
    for folder, _, files in os.walk(os.path.join(os.fsencode(root), b"many")):
        for name in files:
            if name.endswith(b"00"):
                write(os.path.join(folder, name), os.urandom(5000))


def describe(root, with_root):
    root = os.fsencode(root)
    links = {}
    lines = []
    for folder, folders, files in os.walk(root):
        for name in sorted(folders + files):
            path = os.path.join(folder, name)
            found = os.lstat(path)
            if not stat.S_ISSOCK(found.st_mode):
                lines.append(line(path, os.path.relpath(path, root), found))
                if stat.S_ISREG(found.st_mode) and found.st_nlink > 1:
                    links.setdefault(found.st_ino, []).append(os.fsdecode(os.path.relpath(path, root)))
    if with_root:
        found = os.lstat(root)
        lines.append({"path": "", "mode": oct(found.st_mode), "owner": [found.st_uid, found.st_gid]})
    lines.append({"path": "hard links", "groups": sorted(sorted(group) for group in links.values())})
    for entry in sorted(lines, key=lambda entry: entry["path"]):
        print(json.dumps(entry))


def line(path, name, found):
    entry = {
        "path": os.fsdecode(name),
        "mode": oct(found.st_mode),
        "owner": [found.st_uid, found.st_gid],
        "modified": found.st_mtime_ns,
        "attributes": {key: os.getxattr(path, key, follow_symlinks=False).hex() for key in os.listxattr(path, follow_symlinks=False)},
    }
    if stat.S_ISREG(found.st_mode):
        with open(path, "rb") as file:
            entry["content"] = hashlib.file_digest(file, "sha256").hexdigest()
        entry["size"] = found.st_size
        # A file with a large hole must not come back full. Pages of zeros may come back as holes.
        entry["has hole"] = found.st_size - found.st_blocks * 512 > 1_000_000
    if stat.S_ISLNK(found.st_mode):
        entry["target"] = os.fsdecode(os.readlink(path))
    if stat.S_ISCHR(found.st_mode):
        entry["device"] = found.st_rdev
    return entry


if __name__ == "__main__":
    command, folder, *rest = sys.argv[1:]
    if command == "make":
        make(folder, int(rest[0]), int(rest[1]))
    elif command == "change":
        change(folder)
    else:
        describe(folder, bool(rest))
