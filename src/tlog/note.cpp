#include "countersign/tlog/note.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "countersign/base/text.hpp"

namespace countersign::tlog {
namespace {

constexpr std::string_view dash = "\xE2\x80\x94 ";  // U+2014 and a space begin a signature's line
constexpr std::size_t key_id_bytes = 4;
constexpr std::size_t time_bytes = 8;
constexpr std::size_t signature_bytes = 64;

std::unexpected<Failure> bad_note(std::string detail) {
    return fail(Trouble::invalid_input, "this is no signed note: " + std::move(detail), "bad_note");
}
std::unexpected<Failure> bad_note_key(std::string detail) {
    return fail(Trouble::invalid_input, "this is no verifier key: " + std::move(detail), "bad_key");
}

std::string big_endian(std::uint64_t number, std::size_t bytes) {
    std::string out;
    for (std::size_t i = bytes; i-- > 0;) out += static_cast<char>((number >> (8 * i)) & 0xFF);
    return out;
}
std::uint64_t from_big_endian(std::string_view bytes) {
    std::uint64_t number = 0;
    for (char c : bytes) number = (number << 8) + static_cast<unsigned char>(c);
    return number;
}

Result<NoteSignature> signature_in(std::string_view line) {
    if (!line.starts_with(dash)) return bad_note("a line after the blank one begins with no dash");
    line.remove_prefix(dash.size());
    std::size_t space = line.find(' ');
    if (space == std::string_view::npos) return bad_note("a signature's line lacks the signature");
    std::string_view name = line.substr(0, space);
    auto bytes = unbase64(line.substr(space + 1));
    if (!valid_key_name(name)) return bad_note("a signer's name is empty, or holds what no name does");
    if (!bytes || bytes->size() <= key_id_bytes) return bad_note("a signature is not base64, or too short");
    return NoteSignature{.name = std::string(name),
                         .key_id = static_cast<std::uint32_t>(
                             from_big_endian(std::string_view{*bytes}.substr(0, key_id_bytes))),
                         .bytes = bytes->substr(key_id_bytes)};
}

std::span<const std::byte, signature_bytes> last_signature(const std::string& bytes) {
    return std::as_bytes(std::span{bytes}).last<signature_bytes>();
}

// nullopt: the signature is not that key's.
std::optional<Signed> check(const Note& note, const NoteSignature& signature, const NoteKey& key) {
    std::string text = note.text;
    std::optional<std::int64_t> time;
    std::size_t before = key.type == NoteKey::Type::cosignature ? time_bytes : 0;
    if (signature.bytes.size() != before + signature_bytes) return std::nullopt;
    if (before > 0) {
        auto seconds = from_big_endian(std::string_view{signature.bytes}.substr(0, time_bytes));
        if (seconds > INT64_MAX) return std::nullopt;
        time = static_cast<std::int64_t>(seconds);
        text = cosigned_text(note.text, *time);
    }
    if (!verify_ed25519(key.key, text, last_signature(signature.bytes))) return std::nullopt;
    return Signed{key, time};
}

}  // namespace

bool valid_key_name(std::string_view name) {
    constexpr std::size_t name_bytes_max = 256;
    bool plain = std::ranges::none_of(name, [](char c) {
        auto u = static_cast<unsigned char>(c);
        return u <= ' ' || u == 0x7F || c == '+';
    });
    return !name.empty() && name.size() <= name_bytes_max && plain && valid_utf8(name) && !invisible_in(name);
}

Result<Note> parse_note(std::string_view signed_note) {
    if (signed_note.size() > note_bytes_max) return bad_note("it is larger than 64 KiB");
    bool control = std::ranges::any_of(
        signed_note, [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\n'; });
    if (control || !valid_utf8(signed_note)) return bad_note("it holds a control character, or is no UTF-8");
    std::size_t blank = signed_note.rfind("\n\n");
    if (blank == std::string_view::npos || !signed_note.ends_with('\n'))
        return bad_note("there is no blank line before the signatures");
    Note note{.text = std::string(signed_note.substr(0, blank + 1)), .signatures = {}};
    std::string_view rest = signed_note.substr(blank + 2);
    if (rest.empty()) return bad_note("nobody signed it");
    while (!rest.empty()) {
        std::size_t end = rest.find('\n');
        auto signature = signature_in(rest.substr(0, end));
        if (!signature) return pass(signature);
        if (note.signatures.size() == note_signatures_max) return bad_note("it has more than 64 signatures");
        note.signatures.push_back(std::move(*signature));
        rest.remove_prefix(end + 1);
    }
    return note;
}

std::string text_of(const Note& note) {
    std::string out = note.text + "\n";
    for (const auto& signature : note.signatures) {
        out += dash;
        out += signature.name + " " + base64(big_endian(signature.key_id, key_id_bytes) + signature.bytes) +
               "\n";
    }
    return out;
}

std::uint32_t NoteKey::id() const {
    std::string input = name + "\n" + static_cast<char>(type);
    input += as_text(key);
    return static_cast<std::uint32_t>(from_big_endian(as_text(sha256(input)).substr(0, key_id_bytes)));
}

std::string NoteKey::text() const {
    std::string typed(1, static_cast<char>(type));
    typed += as_text(key);
    std::string digits = big_endian(id(), key_id_bytes);
    return name + "+" + hex(std::as_bytes(std::span{digits})) + "+" + base64(typed);
}

Result<NoteKey> NoteKey::parse(std::string_view text) {
    // The base64 may hold a plus itself.
    std::size_t first = text.find('+');
    std::size_t second = first == std::string_view::npos ? first : text.find('+', first + 1);
    if (second == std::string_view::npos) return bad_note_key("it is not name+id+key");
    NoteKey key;
    key.name = std::string(text.substr(0, first));
    auto bytes = unbase64(text.substr(second + 1));
    if (!valid_key_name(key.name) || !bytes || bytes->size() != 1 + key.key.size())
        return bad_note_key("its name is none, or its key has another length");
    char type = bytes->front();
    if (type != static_cast<char>(Type::ed25519) && type != static_cast<char>(Type::cosignature))
        return bad_note_key("its type is not known here");
    key.type = static_cast<Type>(type);
    std::ranges::transform(std::string_view{*bytes}.substr(1), key.key.begin(),
                           [](char c) { return static_cast<std::byte>(c); });
    if (key.text() != text) return bad_note_key("its id is another key's");
    return key;
}

Result<NoteSignature> sign_note(std::string_view text, const NoteKey& key, const SignBytes& sign) {
    auto signature = sign(text);
    if (!signature) return pass(signature);
    return NoteSignature{key.name, key.id(), std::string(as_text(*signature))};
}

Result<std::vector<Signed>> verify_note(const Note& note, std::span<const NoteKey> known) {
    std::vector<Signed> good;
    for (const auto& signature : note.signatures) {
        auto key = std::ranges::find_if(known, [&](const NoteKey& one) {
            return one.name == signature.name && one.id() == signature.key_id;
        });
        if (key == known.end()) continue;
        auto checked = check(note, signature, *key);
        if (!checked)
            return fail(Trouble::forbidden, "the signature of " + visible(signature.name) + " is wrong",
                        "bad_signature");
        bool again = std::ranges::any_of(good, [&](const Signed& one) { return one.by == *key; });
        if (!again) good.push_back(std::move(*checked));
    }
    if (good.empty())
        return fail(Trouble::forbidden, "nobody whose key is known signed this", "bad_signature");
    return good;
}

std::string cosigned_text(std::string_view text, std::int64_t time) {
    return "cosignature/v1\ntime " + std::to_string(time) + "\n" + std::string(text);
}

Result<NoteSignature> cosign_note(std::string_view text, const NoteKey& key, std::int64_t time,
                                  const SignBytes& sign) {
    auto signature = sign(cosigned_text(text, time));
    if (!signature) return pass(signature);
    return NoteSignature{
        key.name, key.id(),
        big_endian(static_cast<std::uint64_t>(time), time_bytes) + std::string(as_text(*signature))};
}

}  // namespace countersign::tlog
