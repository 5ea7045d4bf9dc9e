#include "app/card_targets.hpp"

#include <algorithm>
#include <string>

#include "countersign/core/card.hpp"
#include "countersign/core/direct.hpp"

namespace countersign::app {
namespace {

std::vector<std::string> approvers_in(const core::CardView& card, core::Surface chat) {
    std::vector<std::string> ids;
    for (std::size_t turn = 0; turn < core::could_approve_max; ++turn) {
        for (const auto& alternative : card.missing) {
            for (const core::CardLack& lack : alternative) {
                if (ids.size() == direct_cards_max) return ids;
                if (lack.later || turn >= lack.could_approve.size()) continue;
                const auto& account = lack.could_approve[turn].account;
                if (!account || core::parts(*account).kind != core::name_of(chat)) continue;
                std::string id{core::parts(*account).id};
                if (std::ranges::find(ids, id) == ids.end()) ids.push_back(std::move(id));
            }
        }
    }
    return ids;
}

}  // namespace

std::vector<CardTarget> card_targets(const core::Applied& applied, const Chats& chats) {
    std::vector<CardTarget> cards;
    for (const auto& chat : chats) {
        const auto named = core::channels_of(applied.notify, chat.surface);
        for (const auto& channel : named) cards.push_back({chat.surface, channel});
        // Whom a card is shown in person may be away: a channel always has one as well.
        if (named.empty() && !chat.default_channel.empty())
            cards.push_back({chat.surface, chat.default_channel});
    }
    // Nobody would ever hear of a request without a card: one that has no place yet says that it has none.
    if (cards.empty() && chats.begin() != chats.end()) cards.push_back({chats.begin()->surface, {}});
    return cards;
}

std::vector<CardTarget> named_targets(const core::Applied& applied, const Chats& chats) {
    std::vector<CardTarget> cards;
    for (const auto& chat : chats)
        for (const auto& channel : core::channels_of(applied.notify, chat.surface))
            cards.push_back({chat.surface, channel});
    return cards;
}

std::vector<CardTarget> escalation_targets(const core::Applied& applied,
                                           const std::vector<core::Surface>& served) {
    std::vector<CardTarget> all;
    if (!applied.escalate) return all;
    for (core::Surface surface : served)
        for (const auto& channel : core::channels_of(applied.escalate->to, surface))
            all.push_back({surface, channel});
    return all;
}

std::vector<CardTarget> direct_targets(const core::Request& request, const core::Applied& applied,
                                       const core::Opened& opened, const core::Directory& directory,
                                       const std::vector<core::Surface>& served) {
    std::vector<core::Surface> wanted;
    for (core::Surface chat : served)
        if (core::shown_in_private(applied.notify, chat)) wanted.push_back(chat);
    std::vector<CardTarget> targets;
    if (wanted.empty()) return targets;
    const core::Case c{request, applied, {core::Entry{opened}}};
    for (core::Surface chat : wanted) {
        const auto card = core::card(c, core::decide(c), directory, chat);
        for (std::string& id : approvers_in(card, chat)) targets.push_back({chat, std::move(id)});
    }
    return targets;
}

}  // namespace countersign::app
