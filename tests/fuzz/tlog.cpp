#include <cstddef>
#include <cstdint>
#include <string_view>

#include "countersign/base/check.hpp"
#include "countersign/tlog/checkpoint.hpp"
#include "countersign/tlog/tiles.hpp"
#include "countersign/wire/dsse.hpp"

// Notes, proofs, paths and envelopes come from strangers. What is accepted reads as it is written.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace countersign;
    std::string_view text{reinterpret_cast<const char*>(data), size};
    if (auto note = tlog::parse_note(text)) {
        auto again = tlog::parse_note(tlog::text_of(*note));
        COUNTERSIGN_CHECK(again && again->text == note->text && again->signatures == note->signatures);
        static_cast<void>(tlog::parse_checkpoint(note->text));
    }
    if (auto proof = tlog::parse_proof(text)) {
        auto again = tlog::parse_proof(tlog::text_of(*proof));
        COUNTERSIGN_CHECK(again && again->hashes == proof->hashes && again->index == proof->index);
    }
    if (auto key = tlog::NoteKey::parse(text)) COUNTERSIGN_CHECK(key->text() == text);
    if (auto tile = tlog::parse_tile_path(text)) COUNTERSIGN_CHECK(tlog::path_of(*tile) == text);
    static_cast<void>(tlog::entries_in(text, tlog::tile_hashes));
    static_cast<void>(wire::open_envelope(text, wire::statement_type, {}));
    return 0;
}
