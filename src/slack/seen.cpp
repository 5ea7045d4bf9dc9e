#include "slack/seen.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "countersign/base/crypto.hpp"
#include "countersign/base/text.hpp"

namespace countersign::slack {

SeenSeals::SeenSeals(const Secret& bot_token)
    : key_(hkdf_sha256(bot_token.reveal(), {}, "countersign slack pages seen", sizeof(Sha256))) {}

std::string SeenSeals::seal_of(const wire::SlackViewNote& note, const core::AccountId& by) const {
    // No two notes make one text: neither a request's id nor an account holds a line end.
    auto what = fmt::format("{}\n{}\n{}\n{}", note.request, by.text(), note.seen, note.pages);
    return base64url(as_text(hmac_sha256(key_.reveal(), what)));
}

void SeenSeals::seal(wire::SlackViewNote& note, const core::AccountId& by) const {
    note.seal = seal_of(note, by);
}

void SeenSeals::seal_all(wire::SlackViewNote& note, const core::AccountId& by) const {
    note.seen = note.pages = 1;
    seal(note, by);
}

bool SeenSeals::genuine(const wire::SlackViewNote& note, const core::AccountId& by) const {
    return equal_in_constant_time(note.seal, seal_of(note, by));
}

bool SeenSeals::all_seen(const wire::SlackViewNote& note, const core::AccountId& by) const {
    return note.pages > 0 && note.seen == note.pages && genuine(note, by);
}

wire::SlackViewNote open_pages(const SeenSeals& seals, const core::AccountId& by, wire::SlackViewNote note,
                               std::size_t pages) {
    note.page = note.seen = 1;
    note.pages = pages;
    seals.seal(note, by);
    return note;
}

wire::SlackViewNote turn_page(const SeenSeals& seals, const core::AccountId& by, wire::SlackViewNote note,
                              bool forward, std::size_t pages) {
    if (note.pages != pages || !seals.genuine(note, by)) return open_pages(seals, by, std::move(note), pages);
    const std::size_t page = forward ? note.page + 1 : std::max<std::size_t>(note.page, 2) - 1;
    // A page counts as seen only after all those before it.
    note.page = std::min({page, note.seen + 1, pages});
    note.seen = std::max(note.seen, note.page);
    seals.seal(note, by);
    return note;
}

}  // namespace countersign::slack
