#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/base/crypto.hpp"
#include "countersign/base/result.hpp"

// Signed notes, as C2SP signed-note says: a text, and lines with signatures of it.
namespace countersign::tlog {

inline constexpr std::size_t note_bytes_max = 64 * 1024;
inline constexpr std::size_t note_signatures_max = 64;

// A line of a note: who signed, and what their key's type makes of it.
struct NoteSignature {
    std::string name;
    std::uint32_t key_id = 0;
    std::string bytes;
    friend bool operator==(const NoteSignature&, const NoteSignature&) = default;
};
struct Note {
    std::string text;  // ends with a line's end; this is what is signed
    std::vector<NoteSignature> signatures;
};
// invalid_input (bad_note): not the form of a signed note.
Result<Note> parse_note(std::string_view signed_note);
std::string text_of(const Note& note);

// Says whether this can be a key's name: not empty, without spaces, `+` and control characters.
bool valid_key_name(std::string_view name);

// A public key of a note's signer, as "name+hex8+base64".
struct NoteKey {
    // These are the types that are known here: Ed25519 over the text, and a witness' Ed25519 over the text
    // with a time (C2SP tlog-cosignature).
    enum class Type : std::uint8_t { ed25519 = 0x01, cosignature = 0x04 } type = Type::ed25519;
    std::string name;
    std::array<std::byte, 32> key{};
    friend bool operator==(const NoteKey&, const NoteKey&) = default;

    std::uint32_t id() const;
    std::string text() const;
    // invalid_input (bad_key): not such a key, of another type, or its id is another key's.
    static Result<NoteKey> parse(std::string_view text);
};

// Signs bytes with the private key that `NoteKey::key` belongs to. A key in other hands may fail.
using SignBytes = std::function<Result<std::array<std::byte, 64>>(std::string_view bytes)>;
Result<NoteSignature> sign_note(std::string_view text, const NoteKey& key, const SignBytes& sign);

// A signature of a known key that was checked. `time`: a witness', in seconds since 1970.
struct Signed {
    NoteKey by;
    std::optional<std::int64_t> time;
};
// Who of these signed. Lines of others are passed over; a wrong signature under the name and id of a known
// key spoils the whole note. forbidden (bad_signature): that, or nobody of these signed.
Result<std::vector<Signed>> verify_note(const Note& note, std::span<const NoteKey> known);

// What a witness signs: the note's text under a time.
std::string cosigned_text(std::string_view text, std::int64_t time);
Result<NoteSignature> cosign_note(std::string_view text, const NoteKey& key, std::int64_t time,
                                  const SignBytes& sign);

}  // namespace countersign::tlog
