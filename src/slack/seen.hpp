#pragma once
#include <cstddef>
#include <string>

#include "countersign/base/secret.hpp"
#include "countersign/core/ids.hpp"
#include "countersign/wire/slack_views.hpp"

// What of a full view was put before whom. A view carries it from page to page, under a seal that nobody else
// can make: what was not shown cannot be approved.
namespace countersign::slack {

class SeenSeals {
  public:
    // Every process that serves this workspace has the same bot token, and so the same seals.
    explicit SeenSeals(const Secret& bot_token);

    // Seals what the note says that this account has seen.
    void seal(wire::SlackViewNote& note, const core::AccountId& by) const;
    // Seals that this account has seen all there is, on a card.
    void seal_all(wire::SlackViewNote& note, const core::AccountId& by) const;
    bool genuine(const wire::SlackViewNote& note, const core::AccountId& by) const;
    bool all_seen(const wire::SlackViewNote& note, const core::AccountId& by) const;

  private:
    std::string seal_of(const wire::SlackViewNote& note, const core::AccountId& by) const;

    Secret key_;
};

// Makes the note of a view's first page.
wire::SlackViewNote open_pages(const SeenSeals& seals, const core::AccountId& by, wire::SlackViewNote note,
                               std::size_t pages);
// The note of the next page, or of the one before. Of a note that is not genuine, or of other pages than
// there are now, nothing counts as seen: it begins again.
wire::SlackViewNote turn_page(const SeenSeals& seals, const core::AccountId& by, wire::SlackViewNote note,
                              bool forward, std::size_t pages);

}  // namespace countersign::slack
