"""Cases of definitions: the types of chroots, and what each type needs."""

from definition_texts import TREE, case, overlay, refused, text
from trees import PLACE, Trees


def types():
    yield case("type-plain", text(type="plain", profile=None), "alice$ schroot -b -c x", "alice$ schroot -r -c x -d / -- id -un",
               "alice$ schroot -e -c x", root=True, tree=True)
    yield case("type-plain-profile", text(type="plain", profile="default"), tree=True)
    yield case("type-absent", text(type=None, profile=None), tree=True)
    yield case("type-directory", text(), root=True, tree=True)
    yield case("type-directory-overlay", overlay(), root=True, tree=True)
    yield case("type-directory-location", text(directory=None, location=TREE))
    yield refused("type-directory-and-location", text(location=TREE))
    for kind in Trees.TARBALLS:
        yield case("type-file-" + kind.replace(".", "-"), text(type="file", directory=None, file=f"{PLACE}/tree.{kind}"),
                   needs=[kind], root=kind == "tar")
    yield case("type-file-location", text(type="file", directory=None, file=PLACE + "/tree.tar", location="/usr"), needs=["tar"])
    yield case("type-file-missing", text(type="file", directory=None, file=PLACE + "/none.tar"))
    yield refused("type-file-relative", text(type="file", directory=None, file="tree.tar"))
    yield refused("type-file-none", text(type="file", directory=None))
    yield case("type-file-no-archive", text(type="file", directory=None, file=PLACE + "/share/MARK"))
    yield case("type-file-union", text(type="file", directory=None, file=PLACE + "/tree.tar", union_type="overlay"), needs=["tar"])
    for union in (None, "overlay", "none"):
        yield case(f"type-loopback-{union}", text(type="loopback", directory=None, file=PLACE + "/tree.image", union_type=union,
                                                  mount_options="-o noatime"), needs=["image"])
    yield case("type-loopback-location", text(type="loopback", directory=None, file=PLACE + "/tree.image", location="/srv"),
               needs=["image"])
    yield case("type-loopback-missing", text(type="loopback", directory=None, file=PLACE + "/none.image"))
    yield case("type-block-device-missing", text(type="block-device", directory=None, device="/dev/nosuchdisk9"))
    yield case("type-block-device-union", text(type="block-device", directory=None, device="/dev/nosuchdisk9", union_type="overlay"))
    yield refused("type-block-device-none", text(type="block-device", directory=None))
    yield case("type-lvm-missing", text(type="lvm-snapshot", directory=None, device="/dev/novg/root", **{
        "lvm-snapshot-options": "--size 1G"}))
    yield refused("type-lvm-no-options", text(type="lvm-snapshot", directory=None, device="/dev/novg/root"))
    yield case("type-btrfs-missing", text(type="btrfs-snapshot", directory=None, **{
        "btrfs-source-subvolume": PLACE + "/no-subvolume", "btrfs-snapshot-directory": PLACE + "/layers"}))
    yield refused("type-btrfs-no-directory", text(type="btrfs-snapshot", directory=None, **{
        "btrfs-source-subvolume": PLACE + "/no-subvolume"}))
    yield case("type-custom", text(type="custom", directory=None))
    yield case("type-custom-keys", text(type="custom", directory=None, **{
        "custom-session-cloneable": "false", "custom-session-purgeable": "true", "custom-source-cloneable": "true"}))
    yield refused("type-unknown", text(type="setup"))
    yield refused("type-upper-case", text(type="Directory"))
    yield refused("type-empty", text(type=""))
    yield refused("directory-none", text(directory=None))
    yield refused("directory-relative", text(directory="srv/corpus/tree"))
    yield refused("directory-empty", text(directory=""))
    yield case("directory-missing", text(directory=PLACE + "/none"))
    yield case("directory-a-file", text(directory=PLACE + "/share/MARK"))
    yield case("directory-a-link", text(directory=PLACE + "/tree-link"))
    yield case("directory-with-dots", text(directory=f"{PLACE}/../corpus/./tree"))
    yield case("directory-with-slashes", text(directory="//srv//corpus/tree/"))
