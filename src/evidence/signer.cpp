#include "evidence/signer.hpp"

#include <fmt/core.h>

#include <span>
#include <utility>
#include <vector>

#include "countersign/base/text.hpp"

namespace countersign::evidence {
namespace {

constexpr const char* see_docs = "docs/evidence.md, \"When the server refuses to sign\", tells the ways out";

}  // namespace

Signer::Signer(LogIdentity identity) : identity_(std::move(identity)), mark_(identity_.mark) {}

Result<tlog::Checkpoint> Signer::opened(const std::string& note, const char* whose) const {
    std::vector<tlog::NoteKey> keys{identity_.key};
    keys.insert(keys.end(), identity_.retired.begin(), identity_.retired.end());
    Failure why{Trouble::conflict, {}, {}, {}};
    for (const auto& key : keys) {
        auto checkpoint = tlog::open_checkpoint(note, key);
        if (checkpoint) return checkpoint;
        why = checkpoint.error();
    }
    return fail(Trouble::conflict,
                fmt::format("{} is no checkpoint of this log ({}); {}", whose, why.detail, see_docs),
                "mark_missing");
}

Result<Done> Signer::goes_on(const app::TreeStore::ToSign& what, const tlog::TreeHead& before) const {
    if (what.head.size < before.size)
        return fail(
            Trouble::conflict,
            fmt::format("the log has {} events, but a checkpoint of {} was signed before: this "
                        "database is older than what was published of it, as a restored backup is; {}",
                        what.head.size, before.size, see_docs),
            "log_shrunk");
    auto proof = tlog::prove_consistency(before.size, what.head.size, what.read);
    if (!proof) return pass(proof);
    if (tlog::verify_consistency(before, what.head, *proof)) return Done{};
    return fail(
        Trouble::conflict,
        fmt::format("the first {} events are not those of the checkpoint that was signed of them: the "
                    "log was changed, or continued from a restored backup; {}",
                    before.size, see_docs),
        "log_forked");
}

Result<std::string> Signer::sign(const app::TreeStore::ToSign& what) const {
    auto marked = mark_.read();
    if (!marked) return pass(marked);
    if (!*marked && what.last)
        return fail(
            Trouble::conflict,
            fmt::format("checkpoints of {} were signed, but the mark {} is gone, which tells how far; {}",
                        visible(origin()), visible(mark_.path()), see_docs),
            "mark_missing");
    for (const auto& [note, whose] :
         {std::pair{*marked, "the mark"}, std::pair{what.last, "the newest checkpoint in the database"}}) {
        if (!note) continue;
        auto before = opened(*note, whose);
        if (!before) return pass(before);
        auto consistent = goes_on(what, before->head);
        if (!consistent) return pass(consistent);
    }
    // What says it of the whole tree already is not signed again, unless the key is another one now.
    auto covers = [&](const std::string& note) {
        auto checkpoint = tlog::open_checkpoint(note, identity_.key);
        return checkpoint && checkpoint->head == what.head;
    };
    if (*marked && covers(**marked)) return **marked;
    if (what.last && covers(*what.last)) return keep(*what.last);
    tlog::Note note{tlog::text_of(tlog::Checkpoint{origin(), what.head}), {}};
    auto signature = tlog::sign_note(note.text, identity_.key, identity_.sign);
    if (!signature) return pass(signature);
    note.signatures.push_back(std::move(*signature));
    // One that our own key does not verify would be refused for ever after.
    auto good = tlog::verify_note(note, std::span{&identity_.key, 1});
    if (!good) return pass(good);
    // Before anybody sees it: what was signed can never be forgotten.
    return keep(tlog::text_of(note));
}

Result<std::string> Signer::keep(std::string note) const {
    auto kept = mark_.write(note);
    if (!kept) return pass(kept);
    return note;
}

}  // namespace countersign::evidence
