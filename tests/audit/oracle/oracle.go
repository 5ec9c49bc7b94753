// Judges what Sayso wrote, with Go's own note and tlog packages (golang.org/x/mod/sumdb), which the
// Go distribution carries. It reads cases as JSON and prints, for each, what is wrong with it.
//
// Cosignatures are judged by the few lines at the end, after c2sp.org/tlog-cosignature, with Go's
// own Ed25519 and ML-DSA.
package main

import (
	"crypto/ed25519"
	"crypto/mldsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"oracle/note"
	"oracle/tlog"
)

type testCase struct {
	Kind string `json:"kind"`
	// note, cosignature, tiles
	Note  string   `json:"note"`
	Vkeys []string `json:"vkeys"`
	// inclusion, consistency
	Proof []string `json:"proof"`
	Size  int64    `json:"size"`
	Root  string   `json:"root"`
	At    int64    `json:"at"`
	Hash  string   `json:"hash"`
	// tiles
	Folder string `json:"folder"`
}

func main() {
	var cases []testCase
	if err := json.NewDecoder(os.Stdin).Decode(&cases); err != nil {
		panic(err)
	}
	said := make([]string, len(cases))
	for i, one := range cases {
		if err := judge(one); err != nil {
			said[i] = err.Error()
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(said); err != nil {
		panic(err)
	}
}

func judge(one testCase) error {
	switch one.Kind {
	case "note":
		_, err := open(one)
		return err
	case "inclusion":
		proof, err := hashes(one.Proof)
		if err != nil {
			return err
		}
		return tlog.CheckRecord(proof, one.Size, hash(one.Root), one.At, hash(one.Hash))
	case "consistency":
		proof, err := hashes(one.Proof)
		if err != nil {
			return err
		}
		return tlog.CheckTree(proof, one.Size, hash(one.Root), one.At, hash(one.Hash))
	case "tiles":
		return tiles(one)
	}
	return errors.New("an unknown kind of case")
}

func open(one testCase) (*note.Note, error) {
	var keys []note.Verifier
	for _, vkey := range one.Vkeys {
		key, err := note.NewVerifier(vkey)
		if err != nil {
			if key, err = newCosigner(vkey); err != nil {
				return nil, err
			}
		}
		keys = append(keys, key)
	}
	opened, err := note.Open([]byte(one.Note), note.VerifierList(keys...))
	if err == nil && len(opened.Sigs) != len(keys) {
		err = fmt.Errorf("%d of %d keys signed it", len(opened.Sigs), len(keys))
	}
	return opened, err
}

// tiles computes the root from the tiles of a folder, and every leaf from the entry bundles.
func tiles(one testCase) error {
	opened, err := open(one)
	if err != nil {
		return err
	}
	lines := strings.Split(opened.Text, "\n")
	tree := tlog.Tree{Hash: hash(lines[2])}
	if _, err := fmt.Sscanf(lines[1], "%d", &tree.N); err != nil {
		return err
	}
	reader := tlog.TileHashReader(tree, &folder{path: one.Folder})
	root, err := tlog.TreeHash(tree.N, reader)
	if err != nil || root != tree.Hash {
		return fmt.Errorf("the tiles do not lead to the root: %v", err)
	}
	for at := int64(0); at < tree.N; at += 256 {
		width := min(256, tree.N-at)
		bundle, err := os.ReadFile(filepath.Join(one.Folder, tilePath("entries", at/256, width)))
		if err != nil {
			return err
		}
		for i := range width {
			size := int(binary.BigEndian.Uint16(bundle))
			leaf := tlog.RecordHash(bundle[2 : 2+size])
			bundle = bundle[2+size:]
			stored, err := reader.ReadHashes([]int64{tlog.StoredHashIndex(0, at+i)})
			if err != nil || stored[0] != leaf {
				return fmt.Errorf("the entry %d is not the leaf: %v", at+i, err)
			}
		}
		if len(bundle) != 0 {
			return errors.New("a bundle is too long")
		}
	}
	return nil
}

type folder struct{ path string }

func (f *folder) Height() int { return 8 }

func (f *folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, tile := range tiles {
		path := tilePath(fmt.Sprint(tile.L), tile.N, int64(tile.W))
		data, err := os.ReadFile(filepath.Join(f.path, path))
		if err != nil {
			return nil, err
		}
		found = append(found, data)
	}
	return found, nil
}

func (f *folder) SaveTiles([]tlog.Tile, [][]byte) {}

func tilePath(level string, n, width int64) string {
	path := fmt.Sprintf("%03d", n%1000)
	for n >= 1000 {
		n /= 1000
		path = fmt.Sprintf("x%03d/%s", n%1000, path)
	}
	path = fmt.Sprintf("tile/%s/%s", level, path)
	if width < 256 {
		path = fmt.Sprintf("%s.p/%d", path, width)
	}
	return path
}

func hashes(encoded []string) ([]tlog.Hash, error) {
	var found []tlog.Hash
	for _, one := range encoded {
		parsed, err := tlog.ParseHash(one)
		if err != nil {
			return nil, err
		}
		found = append(found, parsed)
	}
	return found, nil
}

func hash(encoded string) tlog.Hash {
	parsed, err := tlog.ParseHash(encoded)
	if err != nil {
		panic(err)
	}
	return parsed
}

type cosigner struct {
	name string
	hash uint32
	kind byte
	key  []byte
}

func newCosigner(vkey string) (*cosigner, error) {
	parts := strings.SplitN(vkey, "+", 3)
	typed, err := base64.StdEncoding.DecodeString(parts[len(parts)-1])
	if err != nil || len(parts) != 3 || len(typed) == 0 {
		return nil, errors.New("no key of a cosigner")
	}
	sum := sha256.Sum256(append([]byte(parts[0]+"\n"), typed...))
	id := binary.BigEndian.Uint32(sum[:])
	if fmt.Sprintf("%08x", id) != parts[1] {
		return nil, errors.New("the key id is not the key's")
	}
	return &cosigner{name: parts[0], hash: id, kind: typed[0], key: typed[1:]}, nil
}

func (c *cosigner) Name() string    { return c.name }
func (c *cosigner) KeyHash() uint32 { return c.hash }

func (c *cosigner) Verify(message, signature []byte) bool {
	if len(signature) <= 8 {
		return false
	}
	at := binary.BigEndian.Uint64(signature)
	switch c.kind {
	case 4:
		signed := fmt.Sprintf("cosignature/v1\ntime %d\n%s", at, message)
		return ed25519.Verify(c.key, []byte(signed), signature[8:])
	case 6:
		lines := strings.Split(string(message), "\n")
		var size uint64
		if _, err := fmt.Sscanf(lines[1], "%d", &size); err != nil {
			return false
		}
		root := hash(lines[2])
		signed := []byte("subtree/v1\n\x00")
		signed = append(append(signed, byte(len(c.name))), c.name...)
		signed = binary.BigEndian.AppendUint64(signed, at)
		signed = append(append(signed, byte(len(lines[0]))), lines[0]...)
		signed = binary.BigEndian.AppendUint64(signed, 0)
		signed = binary.BigEndian.AppendUint64(signed, size)
		signed = append(signed, root[:]...)
		key, err := mldsa.NewPublicKey(mldsa.MLDSA44(), c.key)
		return err == nil && mldsa.Verify(key, signed, signature[8:], nil) == nil
	}
	return false
}
