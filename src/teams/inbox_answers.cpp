#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "countersign/base/log.hpp"
#include "countersign/base/text.hpp"
#include "countersign/wire/teams_full_view.hpp"
#include "teams/answers.hpp"
#include "teams/inbox.hpp"

// How a press is answered: by the card as it is for whoever pressed, a page of the full view, a form, or
// words.
namespace countersign::teams {

using rt::asio::awaitable;

namespace {

constexpr core::Duration close_within = std::chrono::seconds{10};

}  // namespace

awaitable<net::HttpResponse> Inbox::body_of(const Asked& asked, const app::Reply& reply) {
    if (const auto* view = std::get_if<app::FullView>(&reply.what))
        co_return co_await page_body(asked, view->card, 0, view->can_approve);
    const auto* asks = std::get_if<app::ReasonDialog>(&reply.what);
    const auto* lines = std::get_if<app::Lines>(&reply.what);
    // What was typed is what is wrong: the form stays, and says so.
    app::Reply again;
    if (lines != nullptr && lines->wrong != app::Lines::Wrong::nothing && asked.request) {
        auto form = co_await conversation_.ask_reason(act_of(asked), *asked.request,
                                                      verdict_of(asked.press.act).value());
        again = std::move(form);
        asks = std::get_if<app::ReasonDialog>(&again.what);
    }
    const auto notice = lines == nullptr ? std::string{} : join(lines->text, " ");
    // At the end of a full view the form carries on what was read; on the card its own input asks.
    if (asks != nullptr && (asked.in_dialog || asked.press.page > 0)) {
        auto form = wire::teams_reason_form({asks->verdict, asks->number, asks->about, asks->resource,
                                             asks->needs_reason, asks->own, notice, asks->numbers},
                                            asked.press, asked.in_dialog);
        co_return json_body(asked.in_dialog ? wire::teams_dialog_answer("Reason", form)
                                            : wire::teams_card_answer(form));
    }
    if (auto leads = sign_in_body(reply, asked.in_dialog)) co_return std::move(*leads);
    if (asked.in_dialog) co_return words_for(*asked.activity, words_of(reply));
    if (const auto* done = std::get_if<app::Silence>(&reply.what)) {
        auto view = conversation_.view_of(*done->now, account_of(*asked.activity));
        co_await conversation_.compare(view.card, *done->now, Deadline{asked.at + answer_within});
        wire::TeamsViewer viewer{.behind = view.can_never_approve, .voted = view.voted};
        auto style = parts_.speech.style();
        auto card = wire::teams_card(view.card, style, &viewer);
        co_return json_body(wire::teams_card_answer(card.card));
    }
    if (std::holds_alternative<app::ApproveQuestion>(reply.what)) {
        auto shown = private_card(reply, parts_.speech.style());
        co_return json_body(wire::teams_card_answer(shown->card));
    }
    wire::TeamsViewer viewer{.notice = notice};
    if (asks != nullptr) {
        viewer.asks_reason = asks->verdict;
        viewer.resource = asks->resource;
        viewer.needs_reason = asks->needs_reason;
        viewer.own_request = asks->own;
        viewer.numbers = asks->numbers;
    }
    if (!asked.request) {
        auto shown = private_card(reply, parts_.speech.style());
        if (!shown) co_return words_for(*asked.activity, words_of(reply));
        co_return json_body(wire::teams_card_answer(shown->card));
    }
    co_return co_await own_card(asked, std::move(viewer));
}

// The card as it is now, for whoever pressed.
awaitable<net::HttpResponse> Inbox::own_card(const Asked& asked, wire::TeamsViewer viewer) {
    auto now = co_await conversation_.look_and_compare(*asked.request, account_of(*asked.activity),
                                                       channel_of(asked), Deadline{asked.at + answer_within});
    if (!now) {
        if (now.error().trouble == Trouble::not_found) note_lost(asked);
        co_return words_for(*asked.activity, viewer.notice.empty() ? unread(now.error()) : viewer.notice);
    }
    // A button of another request's card shows nothing of this one.
    if (!asked.press.digest.empty() && asked.press.digest != now->card.digest)
        co_return words_for(*asked.activity, viewer.notice.empty() ? std::string(not_known) : viewer.notice);
    viewer.behind = now->can_never_approve;
    viewer.voted = now->voted;
    auto style = parts_.speech.style();
    // Only who is shown the card goes on being shown it anew.
    if (now->card.buttons()) style.viewers = {asked.activity->from};
    auto card = wire::teams_card(now->card, style, &viewer);
    co_return json_body(wire::teams_card_answer(card.card));
}

awaitable<net::HttpResponse> Inbox::page(const Asked& asked) {
    auto now = co_await conversation_.look(*asked.request, account_of(*asked.activity), channel_of(asked),
                                           Deadline{asked.at + commit_within});
    if (!now) {
        if (now.error().trouble == Trouble::not_found) note_lost(asked);
        co_return words_for(*asked.activity, unread(now.error()));
    }
    const bool goes_on =
        asked.press.digest == now->card.digest && passes_.lets_see(asked.press, *asked.request, asked.who());
    const std::size_t number = goes_on ? static_cast<std::size_t>(asked.press.page) : 0;
    const bool can_approve = asked.press.act == wire::teams_read && now->card.buttons();
    co_return co_await page_body(asked, now->card, number, can_approve);
}

awaitable<net::HttpResponse> Inbox::page_body(Asked asked, core::CardView card, std::size_t number,
                                              bool can_approve) {
    const auto style = parts_.speech.style();
    const auto account = account_of(*asked.activity);
    const auto pages = wire::teams_full_view_pages(card, style);
    number = std::min(number, pages - 1);
    auto pass = [&](std::size_t page) { return passes_.of(card.id, card.digest, asked.who(), page); };
    wire::TeamsPage page{
        .number = number, .pass = pass(number), .can_approve = can_approve, .in_dialog = asked.in_dialog};
    auto seen = co_await conversation_.pages_seen(card, account, pages);
    if (seen == pages) page.read_pass = pass(pages - 1);
    auto view = wire::teams_full_view(card, style, page);
    co_await conversation_.showed_page(card, account, number + 1, pages);
    if (asked.in_dialog)
        co_return json_body(wire::teams_dialog_answer(fmt::format("Request #{}", card.number), view.card));
    co_return json_body(wire::teams_card_answer(view.card));
}

// What a button says comes from a client, where anybody may have written it. A message becomes a request's
// card only for somebody who may read that request and was shown it: else they would have it shown to them.
awaitable<void> Inbox::saw(Asked asked) {
    auto message = message_of(*asked.activity);
    if (conversation_.is_known(*message)) co_return;
    auto now = co_await conversation_.look(*asked.request, account_of(*asked.activity), channel_of(asked),
                                           runtime_.within(close_within));
    if (!now || now->card.digest != asked.press.digest) co_return;
    co_await conversation_.saw_card(*asked.request, std::move(*message));
}

void Inbox::note_lost(const Asked& asked) {
    if (message_of(*asked.activity)) tasks_.start("teams lost card", close_lost(asked));
}

// A card whose request does not exist loses its buttons.
awaitable<void> Inbox::close_lost(Asked asked) {
    auto message = message_of(*asked.activity);
    bool lost = co_await conversation_.shows_nothing(*asked.request, *message);
    if (!lost) co_return;
    log::warn("teams", "a card of {}, which does not exist, is closed", asked.request->text());
    auto closed = co_await parts_.speech.close(*message, std::string(app::lost_card_words),
                                               runtime_.within(close_within));
    if (!closed) log::warn("teams", "it could not be closed: {}", closed.error().detail);
}

}  // namespace countersign::teams
