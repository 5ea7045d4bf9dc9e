#include "slack/interactions.hpp"

#include <fmt/format.h>

#include <utility>

#include "countersign/base/crypto.hpp"
#include "countersign/base/log.hpp"
#include "countersign/base/text.hpp"

namespace countersign::slack {

using core::Value;
using core::Verdict;
using rt::asio::awaitable;

namespace {

constexpr core::Duration trigger_life = std::chrono::milliseconds{2'900};
// A busy channel's pace also holds up what is for one person alone, and there is often no second way to them.
constexpr core::Duration respond_within = std::chrono::seconds{60};
constexpr core::Duration tell_within = std::chrono::seconds{10};
constexpr core::Duration note_within = std::chrono::seconds{5};
constexpr core::Duration finish_poll = std::chrono::milliseconds{20};

// A request id, exactly as our buttons carry it.
std::optional<core::RequestId> request_of(std::string_view text) {
    auto id = core::RequestId::parse(text);
    if (id && id->text() != text) return std::nullopt;
    return id;
}

bool unknown_outcome(const Result<app::Answer>& answer) {
    if (answer) return false;
    auto trouble = answer.error().trouble;
    return trouble == Trouble::timed_out || trouble == Trouble::cancelled;
}

std::optional<Verdict> verdict_of_callback(std::string_view callback) {
    if (callback == wire::slack_approve) return Verdict::approve;
    if (callback == wire::slack_deny) return Verdict::deny;
    if (callback == wire::slack_hold) return Verdict::hold;
    return std::nullopt;
}

}  // namespace

app::Origin folded_origin(std::string key) {
    if (key.size() > app::origin_bytes_max) key = "slack:folded:" + sha256_hex(key);
    return {std::move(key)};
}

bool Remembered::add(std::string_view text) {
    auto hash = std::hash<std::string_view>{}(text);
    if (!hashes_.insert(hash).second) return false;
    order_.push_back(hash);
    if (order_.size() > at_most_) {
        hashes_.erase(order_.front());
        order_.pop_front();
    }
    return true;
}

Interactions::Interactions(WebApi& api, SlackDirectory& directory, const app::Runtime& runtime, Parts parts,
                           const SlackSettings& settings, rt::asio::any_io_executor executor)
    : api_(api),
      directory_(directory),
      runtime_(runtime),
      parts_(parts),
      settings_(settings),
      tasks_(std::move(executor), in_flight_max, rt::report_bug) {}

void Interactions::take(SocketPtr socket, wire::SlackEnvelope envelope) {
    Reply reply{.socket = std::move(socket),
                .envelope = std::move(envelope.id),
                .accepts_payload = envelope.accepts_payload,
                .received = runtime_.now()};
    auto task = handle(std::move(reply), std::move(envelope.type), std::move(envelope.payload));
    if (!tasks_.start("slack envelope", std::move(task)))
        log::warn("slack", "{} envelopes are under way: one more is left unacknowledged", tasks_.size());
}

awaitable<void> Interactions::finish(core::Instant deadline) {
    while (tasks_.size() > 0 && runtime_.now() < deadline)
        co_await runtime_.timers.sleep_until(runtime_.now() + finish_poll);
    co_await tasks_.end(runtime_.timers, deadline);
}

awaitable<void> Interactions::handle(Reply reply, std::string type, Value payload) {
    if (type == "events_api") co_return co_await handle_event(std::move(reply), std::move(payload));
    if (type == "slash_commands") {
        auto command = wire::read_slack_command(payload);
        co_return co_await handle_command(std::move(reply), std::move(command));
    }
    if (type == "interactive") {
        auto interaction = wire::read_slack_interaction(payload);
        payload = {};
        if (auto* click = std::get_if<wire::SlackClick>(&interaction))
            co_return co_await handle_click(std::move(reply), std::move(*click));
        if (auto* submission = std::get_if<wire::SlackSubmission>(&interaction))
            co_return co_await handle_submission(std::move(reply), std::move(*submission));
    }
    co_await acknowledge(reply);  // of a kind that we have no use for
}

awaitable<void> Interactions::handle_event(Reply reply, Value payload) {
    co_await acknowledge(reply);
    auto event = wire::read_slack_event(std::move(payload));
    if (event.kind == "app_rate_limited") {
        log::warn("slack", "Slack is dropping events: more than 30,000 an hour for this app");
        directory_.doubt_all();
        co_return;
    }
    if (!event.id.empty() && !events_.add(event.id)) co_return;  // came before
    directory_.hear(event);
}

bool Interactions::ours(const wire::SlackActor& actor) const {
    const auto& home = directory_.home();
    if (!home || actor.user.empty()) return false;
    if (!home->app.empty() && !actor.app_id.empty() && actor.app_id != home->app) return false;
    if (actor.team == home->team) return true;
    // An org-wide installation names no team.
    return actor.team.empty() && !home->enterprise.empty() && actor.enterprise == home->enterprise;
}

core::AccountId Interactions::account(const wire::SlackActor& actor) const {
    return core::chat_account(core::Surface::slack, directory_.home()->team, actor.user);
}

wire::SlackStyle Interactions::style() const {
    return {.team = directory_.home() ? directory_.home()->team : std::string{},
            .link_hosts = settings_.link_hosts};
}

core::CardView Interactions::view_of(const app::CaseNow& now) {
    auto directory = parts_.roster.snapshot();
    return core::card(now.c, now.ruling, *directory, core::Surface::slack);
}

// ---- clicks

awaitable<void> Interactions::handle_click(Reply reply, wire::SlackClick click) {
    if (click.action == wire::slack_link_agree || click.action == wire::slack_link_decline)
        co_return co_await click_link(reply, std::move(click));
    if (click.action == wire::slack_token_agree || click.action == wire::slack_token_decline)
        co_return co_await click_confirm(reply, std::move(click));
    auto request = request_of(click.value);
    bool known = click.action == wire::slack_approve || click.action == wire::slack_deny ||
                 click.action == wire::slack_hold || click.action == wire::slack_details;
    if (!ours(click.actor) || !request || !known) {
        co_await acknowledge(reply);
        log::warn("slack", "a click on something that is not ours was not followed");
        if (!click.actor.user.empty())
            co_await tell(click.actor, wire::slack_private("This button belongs to no request known here."));
        co_return;
    }
    if (click.action == wire::slack_deny)
        co_return co_await open_reason(std::move(reply), std::move(click), *request, Verdict::deny);
    if (click.action == wire::slack_hold)
        co_return co_await open_reason(std::move(reply), std::move(click), *request, Verdict::hold);
    if (click.action == wire::slack_details)
        co_return co_await open_details(std::move(reply), std::move(click), *request, false);
    if (wire::slack_opens_full_view(click.block))
        co_return co_await open_details(std::move(reply), std::move(click), *request, true);
    if (click.block.empty()) {  // does not say whether its card showed everything
        auto now = co_await parts_.requests.read(*request, Deadline{reply.received + acknowledge_within});
        if (now && !wire::slack_card_is_whole(view_of(**now), style()))
            co_return co_await open_details(std::move(reply), std::move(click), *request, true);
    }
    co_await click_vote(std::move(reply), std::move(click), *request);
}

awaitable<void> Interactions::click_vote(Reply reply, wire::SlackClick click, core::RequestId request) {
    Ballot ballot{.request = request,
                  .verdict = Verdict::approve,
                  .reason = {},
                  .origin = folded_origin(fmt::format(
                      "slack:{}:{}/{}:{}:{}", click.actor.user, click.actor.channel,
                      click.message.empty() ? click.view : click.message, click.action, click.action_ts))};
    auto outcome = co_await vote(click.actor, std::move(ballot), reply.received);
    if (!outcome.late) co_await acknowledge(reply);
    const auto& answer = outcome.answer;
    if (!answer) {
        co_await tell(click.actor, wire::slack_private(not_recorded_sentence(answer.error())));
        if (answer.error().trouble == Trouble::not_found) co_return;
    } else if (answer->refusal && answer->refusal->why == core::Why::reason_required && !outcome.late) {
        co_await ask_reason(click, request, Verdict::approve, reply.received);
    } else if (answer->refusal) {
        co_await tell(click.actor, wire::slack_private(answer->refusal->sentence));
    } else if (outcome.late) {
        auto words = "It took long, but: " + recorded_sentence(Verdict::approve, *answer->now);
        co_await tell(click.actor, wire::slack_private(words));
    }
    co_await note_copy(std::move(click), request);
}

awaitable<Interactions::Outcome> Interactions::vote(const wire::SlackActor& actor, Ballot ballot,
                                                    core::Instant received) {
    core::Cast cast{.account = account(actor),
                    .verdict = ballot.verdict,
                    .reason = std::move(ballot.reason),
                    .via = core::Surface::slack,
                    .shown_digest = {}};
    auto until = received + acknowledge_within;
    auto answer = co_await parts_.requests.vote(ballot.request, cast, ballot.origin, Deadline{until});
    if (unknown_outcome(answer)) {
        // The same origin again: whatever became of the first attempt, this one tells, and never counts
        // twice.
        auto later = runtime_.now() + read_back_within;
        answer = co_await parts_.requests.vote(ballot.request, std::move(cast), std::move(ballot.origin),
                                               Deadline{later});
    }
    co_return Outcome{std::move(answer), runtime_.now() > until};
}

// A card we did not know of (posted by an attempt whose outcome stayed unknown) joins the others.
awaitable<void> Interactions::note_copy(wire::SlackClick click, core::RequestId request) {
    if (click.ephemeral || click.message.empty() || click.actor.channel.empty()) co_return;
    app::MessageRef message{click.actor.channel, click.message};
    if (!known_cards_.add(key_of(message))) co_return;
    app::CardTarget target{core::Surface::slack, click.actor.channel};
    Deadline deadline{runtime_.now() + note_within};
    auto adopted = co_await parts_.outbox.adopt(request, std::move(target), std::move(message), deadline);
    if (!adopted) log::warn("slack", "could not take note of a card's copy: {}", adopted.error().detail);
}

awaitable<void> Interactions::open_reason(Reply reply, wire::SlackClick click, core::RequestId request,
                                          Verdict verdict) {
    co_await acknowledge(reply);
    co_await ask_reason(click, request, verdict, reply.received);
}

awaitable<void> Interactions::ask_reason(const wire::SlackClick& click, core::RequestId request,
                                         Verdict verdict, core::Instant received) {
    wire::SlackViewNote note{request.text(), click.actor.channel,
                             click.ephemeral ? std::string{} : click.message};
    co_await open_view(click.actor, wire::slack_reason_view(verdict, note), received);
}

awaitable<void> Interactions::open_details(Reply reply, wire::SlackClick click, core::RequestId request,
                                           bool with_approve) {
    co_await acknowledge(reply);
    auto now = co_await parts_.requests.read(request, Deadline{reply.received + acknowledge_within});
    if (!now) {
        bool none = now.error().trouble == Trouble::not_found;
        co_await tell(std::move(click.actor),
                      wire::slack_private(none ? "This request is not known here."
                                               : "This cannot be shown right now. Try again."));
        co_return;
    }
    wire::SlackViewNote note{request.text(), click.actor.channel,
                             click.ephemeral ? std::string{} : click.message};
    bool pending = core::open((*now)->ruling.state);
    auto view = wire::slack_details_view(view_of(**now), style(), note, with_approve && pending);
    co_await open_view(std::move(click.actor), std::move(view), reply.received);
}

awaitable<void> Interactions::open_view(wire::SlackActor actor, wire::JsonText view, core::Instant received) {
    auto arguments = wire::json_object("trigger_id", actor.trigger_id, "view", view);
    auto opened =
        co_await api_.call(Method::views_open, std::move(arguments), {}, Deadline{received + trigger_life});
    if (opened) co_return;
    log::warn("slack", "a view could not be opened: {}", opened.error().detail);
    if (opened.error().trouble == Trouble::timed_out) co_return;  // it may be open
    co_await tell(std::move(actor),
                  wire::slack_private("Slack did not open the dialog in time. Click again."));
}

// ---- views

awaitable<void> Interactions::handle_submission(Reply reply, wire::SlackSubmission submission) {
    auto verdict = verdict_of_callback(submission.callback);
    auto note = wire::read_slack_view_note(submission.metadata);
    auto request = note ? request_of(note->request) : std::nullopt;
    if (!verdict || !request || !ours(submission.actor)) {
        co_await acknowledge(reply);
        co_return;
    }
    submission.actor.channel = note->channel;
    // The text is part of the key: a second try from the same view with other words is another act.
    auto key = fmt::format("slack:view:{}:{}:{}:{}", submission.view, submission.hash, submission.actor.user,
                           sha256_hex(submission.reason).substr(0, 16));
    if (submission.view.empty()) key = "slack:trigger:" + submission.actor.trigger_id;
    std::string reason{trim(submission.reason)};
    Ballot ballot{
        .request = *request, .verdict = *verdict, .reason = std::move(reason), .origin = folded_origin(key)};
    auto outcome = co_await vote(submission.actor, std::move(ballot), reply.received);
    const auto& answer = outcome.answer;
    bool accepted = answer && !answer->refusal;
    if (accepted && !outcome.late) {
        co_await acknowledge(reply);  // closes the view; the card and its thread tell the rest
        co_return;
    }
    std::string sentence = accepted  ? "It took long, but: " + recorded_sentence(*verdict, *answer->now)
                           : !answer ? not_recorded_sentence(answer.error())
                                     : answer->refusal->sentence;
    if (outcome.late || !reply.accepts_payload) {
        if (!outcome.late) co_await acknowledge(reply);
        co_return co_await tell(std::move(submission.actor), wire::slack_private(sentence));
    }
    bool reword =
        *verdict != Verdict::approve && (!answer || answer->refusal->why == core::Why::reason_required);
    auto payload = reword ? wire::json_object("errors", wire::json_object("reason", printable(sentence)),
                                              "response_action", "errors")
                          : wire::json_object("response_action", "update", "view",
                                              wire::slack_outcome_view("Not recorded", sentence));
    co_await acknowledge(reply, &payload);
}

// ---- answering

awaitable<void> Interactions::acknowledge(Reply& reply, const wire::JsonText* payload) {
    if (reply.acknowledged) co_return;
    reply.acknowledged = true;
    auto sent = co_await reply.socket->acknowledge(reply.envelope, payload);
    if (!sent) log::debug("slack", "an acknowledgement was not sent: {}", sent.error().detail);
}

// A command's answer: in the acknowledgement where it fits, else through its response_url.
awaitable<void> Interactions::answer(Reply& reply, const wire::SlackActor& actor, wire::SlackPrivate said) {
    reply.acknowledged = true;
    if (reply.accepts_payload) {
        auto payload = wire::slack_command_answer(said);
        auto sent = co_await reply.socket->acknowledge(reply.envelope, &payload);
        if (sent || sent.error().trouble != Trouble::too_large) co_return;
    }
    co_await reply.socket->acknowledge(reply.envelope);
    co_await tell(actor, std::move(said));
}

// To one person alone: through the response_url of what they did, else as an ephemeral message.
awaitable<void> Interactions::tell(wire::SlackActor actor, wire::SlackPrivate said) {
    if (!actor.response_url.empty()) {
        Deadline patient{runtime_.now() + respond_within};
        auto told = co_await api_.respond(actor.response_url, wire::slack_response(said), patient);
        if (told) co_return;
        log::warn("slack", "{}", told.error().detail);
    }
    if (actor.channel.empty() || actor.user.empty()) co_return;
    Deadline deadline{runtime_.now() + tell_within};
    auto arguments = wire::json_object("blocks", said.blocks, "channel", actor.channel, "text", said.text,
                                       "user", actor.user);
    auto told = co_await api_.call(Method::post_ephemeral, std::move(arguments), actor.channel, deadline);
    if (!told) log::warn("slack", "a person could not be told: {}", told.error().detail);
}

}  // namespace countersign::slack
