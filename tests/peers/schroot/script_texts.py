"""What the cases of command lines share: the chroots that there are."""

from cases import Case
from trees import PLACE

COMMON = f"""[sid]
type=directory
directory={PLACE}/tree
description=unstable
users=alice,dave
groups=builders
root-users=alice
source-root-users=alice
source-users=dave
union-type=overlay
profile=minimal
aliases=unstable,default

[work]
type=directory
directory={PLACE}/tree2
users=alice,carol
root-groups=builders
union-type=overlay
profile=minimal

[bare]
type=plain
directory={PLACE}/tree
users=alice
root-users=alice

[closed]
type=directory
directory={PLACE}/tree
union-type=overlay
profile=minimal

[direct]
type=directory
directory={PLACE}/tree2
users=alice
root-users=alice
profile=minimal

[kept]
type=directory
directory={PLACE}/tree
users=alice
root-users=alice
union-type=overlay
profile=minimal
preserve-environment=true
user-modifiable-keys=custom.key,setup.fstab
root-modifiable-keys=custom.root
custom.key=first

[prefixed]
type=directory
directory={PLACE}/tree
users=alice
union-type=overlay
profile=minimal
command-prefix=eatmydata

[usual]
type=directory
directory={PLACE}/tree
users=alice
root-users=alice
union-type=overlay
profile=default
"""

CLEAN = "root$ schroot -q -e --all-sessions; schroot -l --all-sessions"


def script(name, *steps, files=None, needs=()):
    return Case("script/" + name, {"chroot.d/case.conf": COMMON, **(files or {})}, steps, needs)
