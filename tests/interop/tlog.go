// Go's own implementation of transparency logs opens our checkpoint and checks every leaf of an export:
// go run tlog.go FOLDER VKEY
package main

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type folder string

func (f folder) Height() int { return 8 }

func (f folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range tiles {
		// Go writes the height into the path, C2SP tlog-tiles does not.
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		data, err := os.ReadFile(filepath.Join(string(f), "log", path))
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

func (f folder) SaveTiles([]tlog.Tile, [][]byte) {}

func must(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func main() {
	dir, vkey := os.Args[1], os.Args[2]
	verifier, err := note.NewVerifier(vkey)
	must(err)
	signed, err := os.ReadFile(filepath.Join(dir, "log", "checkpoint"))
	must(err)
	opened, err := note.Open(signed, note.VerifierList(verifier))
	must(err)
	lines := strings.Split(opened.Text, "\n")
	if lines[0] != verifier.Name() {
		must(fmt.Errorf("a checkpoint of %s", lines[0]))
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	must(err)
	root, err := base64.StdEncoding.DecodeString(lines[2])
	must(err)
	var tree tlog.Tree
	tree.N = size
	copy(tree.Hash[:], root)
	reader := tlog.TileHashReader(tree, folder(dir))
	checked := int64(0)
	for bundle := int64(0); bundle*256 < size; bundle++ {
		width := size - bundle*256
		name := fmt.Sprintf("%03d", bundle)
		if width < 256 {
			name += fmt.Sprintf(".p/%d", width)
		}
		data, err := os.ReadFile(filepath.Join(dir, "log/tile/entries", name))
		must(err)
		for id := bundle * 256; len(data) > 0; id++ {
			length := int(binary.BigEndian.Uint16(data))
			proof, err := tlog.ProveRecord(size, id, reader)
			must(err)
			must(tlog.CheckRecord(proof, size, tree.Hash, id, tlog.RecordHash(data[2:2+length])))
			data = data[2+length:]
			checked++
		}
	}
	if checked != size {
		must(fmt.Errorf("%d of %d leaves", checked, size))
	}
	proof, err := tlog.ProveTree(size, size/2+1, reader)
	must(err)
	older, err := tlog.TreeHash(size/2+1, reader)
	must(err)
	must(tlog.CheckTree(proof, size, tree.Hash, size/2+1, older))
	fmt.Printf("%d leaves are in the tree\n", checked)
}
