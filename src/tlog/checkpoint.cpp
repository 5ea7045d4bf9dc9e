#include "countersign/tlog/checkpoint.hpp"

#include <charconv>
#include <utility>

#include "countersign/base/text.hpp"

namespace countersign::tlog {
namespace {

constexpr std::string_view proof_title = "c2sp.org/tlog-proof@v1";
constexpr std::string_view index_word = "index ";
constexpr std::string_view extra_word = "extra ";

// Takes a line off the front, without its end; nullopt: there is none with an end.
std::optional<std::string_view> take_line(std::string_view& text) {
    std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return std::nullopt;
    auto line = text.substr(0, end);
    text.remove_prefix(end + 1);
    return line;
}

std::optional<std::int64_t> count_in(std::string_view text) {
    std::int64_t number = 0;
    auto done = std::from_chars(text.data(), text.data() + text.size(), number);
    bool all = !text.empty() && done.ec == std::errc{} && done.ptr == text.data() + text.size();
    if (!all || text.front() == '-' || (text.size() > 1 && text.front() == '0') || number > size_max)
        return std::nullopt;
    return number;
}

std::optional<Hash> hash_in(std::string_view line) {
    auto bytes = unbase64(line);
    return bytes ? hash_from(*bytes) : std::nullopt;
}

std::unexpected<Failure> bad_checkpoint(const char* detail) {
    return fail(Trouble::invalid_input, std::string("this is no checkpoint: ") + detail, "bad_checkpoint");
}
std::unexpected<Failure> bad_proof(const char* detail) {
    return fail(Trouble::invalid_input, std::string("this is no tlog-proof: ") + detail, "bad_proof");
}

}  // namespace

std::string text_of(const Checkpoint& checkpoint) {
    return checkpoint.origin + "\n" + std::to_string(checkpoint.head.size) + "\n" +
           base64(as_text(checkpoint.head.root)) + "\n";
}

Result<Checkpoint> parse_checkpoint(std::string_view text) {
    auto origin = take_line(text);
    auto size_line = take_line(text);
    auto root_line = take_line(text);
    if (!origin || !size_line || !root_line || origin->empty()) return bad_checkpoint("it lacks a line");
    auto size = count_in(*size_line);
    auto root = hash_in(*root_line);
    if (!size || !root) return bad_checkpoint("its size or its root is not readable");
    if (*size == 0 && *root != empty_root()) return bad_checkpoint("an empty tree has another root");
    while (!text.empty()) {
        auto extension = take_line(text);
        if (!extension || extension->empty()) return bad_checkpoint("a further line is empty");
    }
    return Checkpoint{std::string(*origin), {*size, *root}};
}

Result<Checkpoint> open_checkpoint(std::string_view signed_note, const NoteKey& log) {
    auto note = parse_note(signed_note);
    if (!note) return pass(note);
    auto checkpoint = parse_checkpoint(note->text);
    if (!checkpoint) return checkpoint;
    if (checkpoint->origin != log.name)
        return fail(
            Trouble::forbidden,
            "this is a checkpoint of " + visible(checkpoint->origin) + ", not of " + visible(log.name),
            "other_log");
    auto good = verify_note(*note, std::span{&log, 1});
    if (!good) return pass(good);
    return checkpoint;
}

std::string text_of(const InclusionProof& proof) {
    std::string out = std::string(proof_title) + "\n";
    if (proof.extra) out += std::string(extra_word) + base64(*proof.extra) + "\n";
    out += std::string(index_word) + std::to_string(proof.index) + "\n";
    for (const Hash& hash : proof.hashes) out += base64(as_text(hash)) + "\n";
    return out + "\n" + proof.checkpoint;
}

Result<InclusionProof> parse_proof(std::string_view text) {
    if (text.size() > 2 * note_bytes_max) return bad_proof("it is too large");
    if (take_line(text) != proof_title) return bad_proof("its first line is another one");
    InclusionProof proof;
    auto line = take_line(text);
    if (line && line->starts_with(extra_word)) {
        auto extra = unbase64(line->substr(extra_word.size()));
        if (!extra) return bad_proof("its extra data is not base64");
        proof.extra = std::move(*extra);
        line = take_line(text);
    }
    if (!line || !line->starts_with(index_word)) return bad_proof("it does not say which leaf it is of");
    auto index = count_in(line->substr(index_word.size()));
    if (!index) return bad_proof("its index is not readable");
    proof.index = *index;
    for (line = take_line(text); line && !line->empty(); line = take_line(text)) {
        auto hash = hash_in(*line);
        if (!hash || proof.hashes.size() == proof_hashes_max) return bad_proof("a hash is not readable");
        proof.hashes.push_back(*hash);
    }
    if (!line) return bad_proof("there is no blank line before the checkpoint");
    proof.checkpoint = std::string(text);
    return proof;
}

Result<Checkpoint> verify_proof(const InclusionProof& proof, const Hash& leaf, const NoteKey& log) {
    auto checkpoint = open_checkpoint(proof.checkpoint, log);
    if (!checkpoint) return checkpoint;
    const TreeHead& head = checkpoint->head;
    if (!verify_inclusion(proof.index, head.size, leaf, proof.hashes, head.root))
        return fail(Trouble::forbidden, "this leaf does not stand at that place of the log", "not_included");
    return checkpoint;
}

std::string add_checkpoint_body(std::int64_t old_size, std::span<const Hash> proof,
                                std::string_view signed_note) {
    std::string body = "old " + std::to_string(old_size) + "\n";
    for (const Hash& hash : proof) body += base64(as_text(hash)) + "\n";
    return body + "\n" + std::string(signed_note);
}

}  // namespace countersign::tlog
