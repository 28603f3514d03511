"""A D-Bus connection without a library, for messages that no library sends: descriptors that the signature does not name.

The text goes into a program of a stranger (stranger.start), after its prelude.
"""

SOURCE = '''
import array, struct

class RawBus:
    def __init__(self):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(os.environ["UNIONROOT_BUS"].partition("path=")[2].partition(",")[0])
        self.socket.sendall(b"\\0AUTH EXTERNAL " + str(os.getuid()).encode().hex().encode() + b"\\r\\n")
        assert self.socket.recv(4096).startswith(b"OK "), "no access to the bus"
        self.socket.sendall(b"NEGOTIATE_UNIX_FD\\r\\n")
        assert self.socket.recv(4096).startswith(b"AGREE_UNIX_FD"), "no descriptors on this bus"
        self.socket.sendall(b"BEGIN\\r\\n")
        self.serial = 0
        self.send("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello")
        self.answer()

    # kind: 1 a method call, 4 a signal. descriptors: how many come with it.
    def message(self, destination, path, interface, member, signature="", body=b"", descriptors=0, kind=1):
        self.serial += 1
        fields = b""
        texts = [(1, "o", path), (2, "s", interface), (3, "s", member), (6, "s", destination)]
        for code, of, text in texts:
            fields += bytes(-len(fields) % 8)
            fields += struct.pack("<BBcBI", code, 1, of.encode(), 0, len(text)) + text.encode() + b"\\0"
        if signature:
            fields += bytes(-len(fields) % 8)
            fields += struct.pack("<BBcBB", 8, 1, b"g", 0, len(signature)) + signature.encode() + b"\\0"
        if descriptors:
            fields += bytes(-len(fields) % 8)
            fields += struct.pack("<BBcBI", 9, 1, b"u", 0, descriptors)
        head = struct.pack("<cBBBIII", b"l", kind, 0, 1, len(body), self.serial, len(fields)) + fields
        return head + bytes(-len(head) % 8) + body

    def send(self, destination, path, interface, member, signature="", body=b"", descriptors=(), kind=1):
        message = self.message(destination, path, interface, member, signature, body, len(descriptors), kind)
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
        sent = self.socket.sendmsg([message], rights)
        self.socket.sendall(message[sent:])

    # The bytes of the next message that is no signal.
    def answer(self):
        while True:
            head = self.read(16)
            size, _, fields = struct.unpack_from("<III", head, 4)
            message = head + self.read(fields + -(16 + fields) % 8 + size)
            if message[1] != 4:
                return message

    def read(self, size):
        found = b""
        while len(found) < size:
            piece = self.socket.recv(size - len(found))
            assert piece, "the bus has closed the connection"
            found += piece
        return found

MANAGER = ("org.unionroot1", "/org/unionroot1", "org.unionroot1.Manager")
def text(value):
    return struct.pack("<I", len(value)) + value + b"\\0"
def padded(data, to):
    return data + bytes(-len(data) % to)
def array_of(data):
    "Of things that are aligned to four bytes, at a place that is."
    return struct.pack("<I", len(data)) + data
def begin(options):
    "options: a{sv}"
    head = padded(text(b"small"), 4)
    head += struct.pack("<I", len(options))
    return padded(head, 8) + options
def run(name, options, arguments=(b"true",)):
    "The body of Run, for three descriptors."
    body = padded(text(name), 4) + array_of(b"".join(padded(text(each), 4) for each in arguments[:-1]) + text(arguments[-1]))
    body = padded(body, 4) + struct.pack("<I", len(options))
    return padded(body, 8) + options + struct.pack("<III", 0, 1, 2)
def option(key, signature, value, to=4):
    "to: what its value is aligned to. The next option needs a place that is aligned to eight bytes."
    head = text(key) + bytes([len(signature)]) + signature + b"\\0"
    return padded(head, to) + value
def error_of(answer):
    return next((name for name in ("InvalidArgument", "LimitExceeded", "NoSuchChroot", "SourceLocked", "InvalidArgs",
                                   "UnknownMethod", "UnknownInterface", "PropertyReadOnly", "AccessDenied")
                 if name.encode() in answer[:400]), "none")
'''
