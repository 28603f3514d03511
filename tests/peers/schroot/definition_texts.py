"""What the cases of definitions share: texts of definitions, and the steps by which they are seen."""

from cases import Case
from trees import PLACE

TREE = PLACE + "/tree"


def text(section="x", **keys):
    """A definition. `union_type="overlay"` is union-type=overlay; keys whose value is None are left out."""
    every = {"type": "directory", "directory": TREE, "users": "alice", "root-users": "alice", "profile": "minimal",
             **{key.replace("_", "-"): value for key, value in keys.items()}}
    return f"[{section}]\n" + "".join(f"{key}={value}\n" for key, value in every.items() if value is not None)


def overlay(section="x", **keys):
    return text(section, **{"union_type": "overlay", **keys})


def asks(*names):
    return ["alice$ schroot --config", "alice$ schroot -i", "alice$ schroot -l", "alice$ schroot --list --all",
            *(f"alice$ schroot --location -c {name}" for name in names)]


def looks(*names, root=True):
    found = []
    for name in names:
        found.append(f"probe alice$ schroot -c {name} -d /")
        if root:
            found.append(f"probe root$ schroot -c {name} -d / -u root")
    return found


# Of these schroot fails the session: there is none to look at, and a command says so.
NO_SESSION = set("""blank-at-the-end blank-behind-equals copyfiles-crlf copyfiles-new-folder fstab-file-new fstab-file-new-no-union
 profile-absolute profile-elsewhere profile-empty profile-missing profile-without-copyfiles profile-without-fstab
 profile-without-nssdatabases script-config-comment script-config-empty script-config-fstab script-config-old-names
 section-very-long type-file-tar-zst union-options union-overlay-missing union-type-aufs union-type-overlayfs union-type-unionfs
 union-underlay-missing""".split())


def commands(names):
    return [f"alice$ schroot -c {name} -d / -- id -un" for name in names]


def case(name, definition, *more, names=("x",), files=None, needs=(), root=False, tree=False):
    """A case with one file in chroot.d: what is asked of it, a command in each of `names`, more steps."""
    laid = {"chroot.d/case.conf": definition, **(files or {})}
    steps = [*asks(*names), *(commands(names) if name in NO_SESSION else looks(*names, root=root)), *more] + (["tree tree"] if tree else [])
    return Case("definition/" + name, laid, steps, needs)


def refused(name, definition, *_more, names=("x",), files=None, needs=(), **_options):
    """A case that schroot, or ours, refuses as a whole: the same is said whatever is asked, so a list and a command are enough."""
    laid = {"chroot.d/case.conf": definition, **(files or {})}
    return Case("definition/" + name, laid, ["alice$ schroot -l", *commands(names)], needs)
