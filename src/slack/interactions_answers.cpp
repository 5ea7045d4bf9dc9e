#include <utility>

#include "countersign/base/log.hpp"
#include "countersign/base/text.hpp"
#include "slack/interactions.hpp"
#include "slack/private_messages.hpp"

// How a person is answered: in the acknowledgement, in a dialog, or in a message to them alone.
namespace countersign::slack {

using rt::asio::awaitable;

namespace {

constexpr core::Duration trigger_life = std::chrono::milliseconds{2'900};
// A busy channel's pace also holds up what is for one person alone, and there is often no second way to them.
constexpr core::Duration respond_within = std::chrono::seconds{60};

}  // namespace

awaitable<void> Interactions::draw(wire::SlackActor actor, app::Reply reply, wire::SlackViewNote note,
                                   core::Instant clicked_at) {
    const auto by = core::chat_account(core::Surface::slack, directory_.home()->team, actor.user);
    if (const auto* asks = std::get_if<app::ReasonDialog>(&reply.what)) {
        // Who is asked for a reason to approve saw all of it, or was shown the full view instead.
        if (asks->verdict == core::Verdict::approve || asks->saw_all) seals_.seal_all(note, by);
        auto view = wire::slack_reason_view({.verdict = asks->verdict,
                                             .number = asks->number,
                                             .about = asks->about,
                                             .resource = asks->resource,
                                             .needs_reason = asks->needs_reason,
                                             .own = asks->own,
                                             .numbers = asks->numbers},
                                            note);
        co_await show_view(std::move(actor), std::move(view), clicked_at);
        co_return;
    }
    if (const auto* full = std::get_if<app::FullView>(&reply.what)) {
        auto page = co_await first_page(*full, by, std::move(note));
        bool open = co_await show_view(std::move(actor), std::move(page.view), clicked_at);
        if (open) co_await conversation_.showed_page(full->card, by, page.note.seen, page.note.pages);
        co_return;
    }
    if (const auto* needed = std::get_if<app::SignInNeeded>(&reply.what); needed && !reply.late) {
        auto opened = co_await open_view(actor.trigger_id, sign_in_view(*needed), clicked_at);
        if (opened) co_return;
        log::info("slack", "the sign-in is offered without a dialog: {}", opened.error().detail);
    }
    auto* lines = std::get_if<app::Lines>(&reply.what);
    if (lines != nullptr && !reply.late)
        co_return co_await show_words(std::move(actor), std::move(*lines), clicked_at);
    auto said = private_message(reply, style());
    if (said) co_await tell(std::move(actor), std::move(*said));
}

awaitable<Interactions::Page> Interactions::first_page(app::FullView full, core::AccountId by,
                                                       wire::SlackViewNote note) {
    const auto pages = wire::slack_full_view_pages(full.card, style());
    note = open_pages(seals_, by, std::move(note), pages);
    auto seen = co_await conversation_.pages_seen(full.card, by, pages);
    if (seen > note.seen) {
        note.seen = seen;
        seals_.seal(note, by);
    }
    auto view = wire::slack_full_view(full.card, style(), note, full.can_approve);
    co_return Page{std::move(note), std::move(view)};
}

Later<Done> Interactions::open_view(std::string trigger, wire::JsonText view, core::Instant clicked_at) {
    auto arguments = wire::json_object("trigger_id", trigger, "view", view);
    auto opened =
        co_await api_.call(Method::views_open, std::move(arguments), {}, Deadline{clicked_at + trigger_life});
    if (!opened) co_return pass(opened);
    co_return Done{};
}

awaitable<bool> Interactions::show_view(wire::SlackActor actor, wire::JsonText view,
                                        core::Instant clicked_at) {
    auto opened = co_await open_view(actor.trigger_id, std::move(view), clicked_at);
    if (opened) co_return true;
    log::warn("slack", "a view could not be opened: {}", opened.error().detail);
    const bool may_be_open = opened.error().trouble == Trouble::timed_out;
    co_await tell(std::move(actor),
                  wire::slack_private(may_be_open ? "Slack did not say whether the dialog opened. If you do "
                                                    "not see it, click again."
                                                  : "Slack did not open the dialog in time. Click again."));
    co_return false;
}

awaitable<void> Interactions::show_words(wire::SlackActor actor, app::Lines lines, core::Instant clicked_at) {
    auto view = wire::slack_outcome_view(lines.title, join(lines.text, " "));
    auto opened = co_await open_view(actor.trigger_id, std::move(view), clicked_at);
    if (!opened) log::info("slack", "a refusal is told without a dialog: {}", opened.error().detail);
    if (!opened || !actor.response_url.empty()) co_await tell(std::move(actor), message_of(lines));
}

awaitable<bool> Interactions::acknowledge(Received& received, const wire::JsonText* payload) {
    if (received.acknowledged()) co_return true;
    auto sent = co_await received.socket->acknowledge(received.envelope, payload);
    if (!sent && sent.error().trouble == Trouble::too_large) co_return false;
    if (!sent) log::debug("slack", "an acknowledgement was not sent: {}", sent.error().detail);
    deliveries_.answered(received.delivery, payload);
    if (sent) measure(received);
    for (Delivery::Arrival& arrival : std::exchange(received.delivery->arrivals, {}))
        co_await acknowledge_again(std::move(arrival), received.delivery);
    co_return true;
}

void Interactions::measure(const Received& received) const {
    if (received.of_a_person && acknowledged_) acknowledged_(runtime_.now() - received.at);
}

// A command's answer: in the acknowledgement where it fits, else through its response_url.
awaitable<void> Interactions::answer(Received& received, const wire::SlackActor& actor,
                                     wire::SlackPrivate said) {
    if (received.accepts_payload) {
        auto payload = wire::slack_command_answer(said);
        auto fits = co_await acknowledge(received, &payload);
        if (fits) co_return;
    }
    co_await acknowledge(received);
    co_await tell(actor, std::move(said));
}

// One person alone is told: through the response_url of what they did, else as an ephemeral message, else in
// a direct message.
awaitable<void> Interactions::tell(wire::SlackActor actor, wire::SlackPrivate said) {
    if (!actor.response_url.empty()) {
        auto patient = runtime_.within(respond_within);
        auto told = co_await api_.respond(actor.response_url, wire::slack_response(said), patient);
        if (told) co_return;
        log::warn("slack", "{}", told.error().detail);
    }
    if (actor.user.empty()) co_return;
    auto deadline = runtime_.within(tell_within);
    if (!actor.channel.empty()) {
        auto arguments = wire::json_object("blocks", said.blocks, "channel", actor.channel, "text", said.text,
                                           "user", actor.user);
        auto told = co_await api_.call(Method::post_ephemeral, std::move(arguments), actor.channel, deadline);
        if (told) co_return;
        log::warn("slack", "a person could not be told in a channel: {}", told.error().detail);
        if (told.error().trouble == Trouble::timed_out) co_return;  // they may have been
    }
    auto arguments =
        wire::json_object("blocks", said.blocks, "channel", actor.user, "link_names", false, "parse", "none",
                          "text", said.text, "unfurl_links", false, "unfurl_media", false);
    auto told = co_await api_.call(Method::post_message, std::move(arguments), actor.user, deadline);
    if (!told) log::warn("slack", "a person could not be told: {}", told.error().detail);
}

}  // namespace countersign::slack
