#!/usr/bin/python3
"""Makes the seeds that are no text: archives, bodies of D-Bus messages, packets. Run it in tests/fuzz after a change of it."""
import io
import pathlib
import struct
import tarfile

SEEDS = pathlib.Path(__file__).parent / "seeds"


def write(target, name, data):
    (SEEDS / target / name).write_bytes(data)


def member(name, kind=tarfile.REGTYPE, data=b"", **attributes):
    made = tarfile.TarInfo(name)
    made.type, made.size, made.mtime = kind, len(data), 1700000000
    for key, value in attributes.items():
        setattr(made, key, value)
    return made, data


def padded(data, to):
    return data + b"\0" * (-len(data) % to)


def archive(*members, form=tarfile.PAX_FORMAT):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as tar:
        for made, data in members:
            tar.addfile(made, io.BytesIO(data))
    return padded(out.getvalue().rstrip(b"\0"), 512) + b"\0" * 1024


TREE = archive(
    member("./", tarfile.DIRTYPE, mode=0o755),
    member("usr", tarfile.DIRTYPE, mode=0o755),
    member("usr/true", data=b"#!/bin/sh\n", mode=0o4755),
    member("bin", tarfile.SYMTYPE, linkname="usr"),
    member("usr/also", tarfile.LNKTYPE, linkname="usr/true"),
    member("dev/null", tarfile.CHRTYPE, devmajor=1, devminor=3, mode=0o666),
    form=tarfile.USTAR_FORMAT)
EXTENDED = archive(
    member("usr/caf\u0065\u0301", data=b"x" * 10, uid=3000000,
           pax_headers={"SCHILY.xattr.user.note": "value", "mtime": "1700000000.5"}),
    member("sparse", data=b"0123456789"))
LONG = archive(
    member("d/" + "n" * 120, data=b"long"),
    member("l", tarfile.SYMTYPE, linkname="t" * 120), form=tarfile.GNU_FORMAT)
LAYER = archive(
    member("usr/.wh.gone"),
    member("etc/.wh..wh..opq"),
    member("bin/tool", data=b"in usr/bin\n"),
    member("etc/passwd", data=b"root:x:0:0:::\n"), form=tarfile.USTAR_FORMAT)
ESCAPES = archive(
    member("link", tarfile.SYMTYPE, linkname="../outside"),
    member("link/kept", data=b"changed\n"), form=tarfile.USTAR_FORMAT)


def text(value):
    return struct.pack("=I", len(value)) + value + b"\0"


def options(*entries):
    """a{sv} at a position that 8 divides: each entry is (key, signature, alignment, value)."""
    out = b""
    for key, signature, alignment, value in entries:
        out = padded(padded(out, 8) + text(key) + bytes([len(signature)]) + signature + b"\0", alignment) + value
    return out


def begin(*entries):
    head = padded(text(b"sid"), 4)
    body = options(*entries)
    return padded(head + struct.pack("=I", len(body)), 8) + body



def pairs(*entries):
    out = b""
    for key, value in entries:
        out = padded(padded(out, 8) + text(key), 4) + text(value)
    return struct.pack("=II", len(out), 0) + out


def run_body():
    words = padded(text(b"true"), 4) + text(b"-x")
    head = padded(text(b"session:sid-1"), 4) + struct.pack("=I", len(words)) + words
    body = options((b"user", b"s", 4, text(b"root")), (b"rows", b"q", 2, struct.pack("=H", 24)),
                   (b"terminal", b"b", 4, struct.pack("=I", 1)))
    return padded(padded(padded(head, 4) + struct.pack("=I", len(body)), 8) + body, 4) + struct.pack("=III", 0, 1, 2)


def short(value):
    return bytes([len(value)]) + value


def encoded(*parts):
    """As take_option() reads it: key, type, value."""
    return b"\0" + short(b"sid") + bytes([len(parts)]) + b"".join(parts)


def message():
    """A reply with (s, a{sv}, as), as the bus sends it."""
    fields = struct.pack("=BBBBI", 5, 1, ord("u"), 0, 7)
    fields = padded(fields, 8) + struct.pack("=BBBBB", 8, 1, ord("g"), 0, 1 + 5 + 2) + b"sa{sv}as\0"
    body = padded(text(b"sid-1"), 4)
    entries = options((b"owner", b"u", 4, struct.pack("=I", 1000)), (b"notes", b"as", 4, struct.pack("=I", 6) + text(b"n")),
                      (b"progress", b"(stt)", 8, padded(text(b"w"), 8) + struct.pack("=QQ", 1, 2)))
    body = padded(body + struct.pack("=I", len(entries)), 8) + entries
    body = padded(body, 4) + struct.pack("=I", 6) + text(b"x")
    return padded(struct.pack("=cBBBIII", b"l", 2, 1, 1, len(body), 9, len(fields)) + fields, 8) + body


def packet(kind, value=0, words=b"", descriptor=0):
    data = struct.pack("=II", kind, value) + words + b"\0"
    return struct.pack("=HB", len(data), descriptor) + data


def main():
    for target in ("tar", "pax"):
        for name, data in (("tree", TREE), ("extended", EXTENDED), ("long", LONG), ("layer", LAYER), ("escapes", ESCAPES)):
            mode = b"" if target == "pax" else b"\1" if name == "layer" else b"\2" if name != "escapes" else b"\0"
            write(target, name, mode + data)
    write("bus_call", "begin", b"\1" + begin((b"name", b"s", 4, text(b"sid-1")), (b"wait", b"x", 8, struct.pack("=q", -1)),
                                             (b"user-data", b"a{ss}", 4, pairs((b"a.b", b"1")))))
    write("bus_call", "run", b"\3" + run_body())
    write("bus_call", "end", b"\5" + begin((b"force", b"b", 4, struct.pack("=I", 1)),
                                           (b"progress", b"u", 4, struct.pack("=I", 3))))
    write("bus_call", "encoded", encoded(b"\0\3" + short(b"sid-1"), b"\1\2" + struct.pack("=q", 500),
                                         b"\2\6\1" + short(b"a.b") + short(b"1")))
    write("bus_call", "encoded-bytes", encoded(b"\0\4" + short(b"sid-\xff"), b"\3\1" + struct.pack("=H", 9)))
    write("bus_reply", "reply", b"\1" + message())
    write("bus_reply", "encoded", encoded(b"\0\3" + short(b"sid-1"), b"\1\2" + struct.pack("=q", 500),
                                          b"\3\5\2" + short(b"A=b") + short(b"C=\xff")) + short(b"true") + short(b"-x"))
    write("bus_reply", "address", b"unix:path=/run/dbus/system_bus_socket;unix:abstract=/tmp/a%20b,guid=00")
    write("control_client", "exited", packet(25, 1) + packet(16, 77, b"", 1) + packet(20, 0, b"a warning") + packet(17, 3) +
          packet(22, 0, b"10 20 packing") + packet(23, 0, b"not ended\ndo this"))
    write("control_client", "failed", packet(21, 19) + packet(19, 127, b"no such command\ninstall it") + packet(24))
    write("control_daemon", "cancel", packet(1, 15) + packet(2, 24 << 16 | 80) + packet(4))
    write("control_daemon", "signals", b"".join(packet(1, number) for number in range(1, 8)))
    words = [b"sid-1", b"0a1b", b"inside"]
    spec = b"".join(map(short, words)) + b"\1" + struct.pack("=II", 1000, 1000) + b"\2" + struct.pack("=II", 5, 27)
    spec += b"\1\7" + struct.pack("=QQ", 10, 20) + b"\2" + short(b"/bin/sh") + short(b"-c") + b"\2" + short(b"A=b") + short(b"C=")
    write("launch_spec", "written", b"\0" + spec + b"\1" + short(b"/") + b"\1" + short(b"/sys/fs/cgroup/pids/a") + b"\1\5" + short(b"\3"))
    write("launch_spec", "login", b"\0" + b"".join(map(short, words)) + b"\1" + bytes(9) + b"\0\1" + short(b"/bin/sh") + b"\0\0")
    strings = b"sid-1\0" b"0a1b\0" b"\0" b"/bin/sh\0" b"sh\0" b"-c\0" b"A=b\0" b"/\0"
    header = struct.pack("=IIQIIIIHHIIIIIII", 0, 0, 0xffffffff, 32, 1000, 1000, 0o22, 24, 80, 1, 1, 2, 1, 1, 1, 0)
    scheduling = struct.pack("=IiIiiI1024s", 0, 7, 0, 0, 300, 8, b"\3")
    write("launch_spec", "file", b"\1" + header + struct.pack("=QQII", 1, 2, 7, 0) + scheduling + struct.pack("=I", 5) + strings +
          b"/sys/fs/cgroup/pids/a\0")
    layers = struct.pack("=H", 3)
    write("overlay", "usual", layers + b"\1" + short(b"up") + short(b"work") + short(b"index") + short(b"off") + short(b"xino") + short(b""))
    write("overlay", "plain", struct.pack("=H", 500) + b"\0" + short(b"sessions/sid-1/upper") + short(b"sessions/sid-1/work"))
    write("overlay", "read-only", struct.pack("=H", 2) + b"\0" + short(b"") + short(b""))


main()
