#include "slack/interactions.hpp"

#include <utility>

#include "countersign/base/log.hpp"
#include "countersign/base/text.hpp"
#include "slack/acts.hpp"
#include "slack/private_messages.hpp"

namespace countersign::slack {

using core::Value;
using rt::asio::awaitable;

namespace {

constexpr core::Duration finish_poll = std::chrono::milliseconds{20};

}  // namespace

Interactions::Interactions(WebApi& api, SlackDirectory& directory, const app::Runtime& runtime,
                           app::Conversation::Parts parts, const SlackSettings& settings,
                           rt::asio::any_io_executor executor)
    : api_(api),
      directory_(directory),
      runtime_(runtime),
      settings_(settings),
      seals_(settings.bot_token),
      conversation_(runtime, parts, manner()),
      tasks_(executor, in_flight_max, rt::report_bug),
      homes_({runtime, api, conversation_, parts.requests}, executor) {}

app::Conversation::Manner Interactions::manner() const {
    return {.chat = core::Surface::slack,
            .shows_everything = [](const core::CardView& card) { return core::card_text(card).whole; },
            .mentioned = [this](std::string_view word) -> std::optional<core::AccountId> {
                std::string user{mentioned_user(word)};
                // Without escaping Slack sends mentions as they were typed.
                if (user.empty() && word.starts_with('@'))
                    user = directory_.called(word.substr(1)).value_or(std::string{});
                if (user.empty()) return std::nullopt;
                return core::chat_account(core::Surface::slack, directory_.home()->team, user);
            }};
}

void Interactions::take(SocketPtr socket, wire::SlackEnvelope envelope) {
    auto [delivery, first] = deliveries_.take(envelope);
    if (!first) {
        Delivery::Arrival arrival{std::move(socket), std::move(envelope.id)};
        if (!delivery->acknowledged && !delivery->over) {
            if (delivery->arrivals.size() < Delivery::arrivals_max)
                delivery->arrivals.push_back(std::move(arrival));
            return;
        }
        tasks_.start("slack repetition", acknowledge_again(std::move(arrival), std::move(delivery)));
        return;
    }
    if (tasks_.size() >= in_flight_max) {
        deliveries_.forget(envelope);
        log::warn("slack", "{} envelopes are under way: one more is left unacknowledged", tasks_.size());
        return;
    }
    Received received{.socket = std::move(socket),
                      .envelope = std::move(envelope.id),
                      .accepts_payload = envelope.accepts_payload,
                      .at = runtime_.now(),
                      .of_a_person = envelope.type != "events_api",
                      .delivery = std::move(delivery)};
    auto task = take_first(std::move(received), std::move(envelope.type), std::move(envelope.payload));
    if (!tasks_.start("slack envelope", std::move(task)))
        log::warn("slack", "{} envelopes are under way: one more is left unacknowledged", tasks_.size());
}

awaitable<void> Interactions::take_first(Received received, std::string type, Value payload) {
    auto delivery = received.delivery;
    co_await handle(std::move(received), std::move(type), std::move(payload));
    delivery->over = true;
    for (Delivery::Arrival& arrival : std::exchange(delivery->arrivals, {}))
        co_await acknowledge_again(std::move(arrival), delivery);
}

awaitable<void> Interactions::acknowledge_again(Delivery::Arrival arrival, DeliveryPtr delivery) {
    const auto* payload = delivery->payload ? &*delivery->payload : nullptr;
    auto sent = co_await arrival.socket->acknowledge(arrival.envelope, payload);
    if (!sent) log::debug("slack", "a repetition was not acknowledged: {}", sent.error().detail);
}

awaitable<void> Interactions::finish(core::Instant deadline) {
    while (tasks_.size() > 0 && runtime_.now() < deadline)
        co_await runtime_.timers.sleep_until(runtime_.now() + finish_poll);
    co_await tasks_.end(runtime_.timers, deadline);
}

awaitable<void> Interactions::handle(Received received, std::string type, Value payload) {
    if (type == "events_api") co_return co_await handle_event(std::move(received), std::move(payload));
    if (type == "slash_commands") {
        auto command = wire::read_slack_command(payload);
        co_return co_await handle_command(std::move(received), std::move(command));
    }
    if (type == "interactive") {
        auto interaction = wire::read_slack_interaction(payload);
        payload = {};
        if (auto* click = std::get_if<wire::SlackClick>(&interaction))
            co_return co_await handle_click(std::move(received), std::move(*click));
        if (auto* submission = std::get_if<wire::SlackSubmission>(&interaction))
            co_return co_await handle_submission(std::move(received), std::move(*submission));
    }
    co_await acknowledge(received);  // of a kind that we have no use for
}

awaitable<void> Interactions::handle_event(Received received, Value payload) {
    co_await acknowledge(received);
    auto event = wire::read_slack_event(std::move(payload));
    if (event.kind == "app_rate_limited") {
        log::warn("slack", "Slack is dropping events: more than 30,000 an hour for this app");
        directory_.doubt_all();
        co_return;
    }
    if (!event.id.empty() && !events_.add(event.id)) co_return;  // came before
    if (event.type == "app_home_opened") {
        const std::string user{event.event["user"].text()};
        const bool home = event.event["tab"].text("home") == "home";
        if (home && directory_.home() && !user.empty()) homes_.opened(user, style());
        co_return;
    }
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

app::Act Interactions::act_of(const wire::SlackActor& actor, app::Origin origin,
                              const Received& received) const {
    return {.account = core::chat_account(core::Surface::slack, directory_.home()->team, actor.user),
            .origin = std::move(origin),
            .answer_by = received.at + acknowledge_within,
            .shown_digest = {},
            .channel = actor.channel};
}

wire::SlackStyle Interactions::style() const {
    return {.team = directory_.home() ? directory_.home()->team : std::string{},
            .link_hosts = settings_.link_hosts,
            .workspace_url = directory_.home() ? directory_.home()->url : std::string{}};
}

// ---- what people do

awaitable<void> Interactions::handle_click(Received received, wire::SlackClick click) {
    // The browser has opened the link.
    if (click.action == wire::slack_sign_in) {
        co_await acknowledge(received);
        co_return;
    }
    auto clicked = read_click(click);
    if (!ours(click.actor) || std::holds_alternative<std::monostate>(clicked)) {
        co_await acknowledge(received);
        log::warn("slack", "a click on something that is not ours was not followed");
        if (!click.actor.user.empty())
            co_await tell(click.actor, wire::slack_private("This button belongs to no request known here."));
        co_return;
    }
    auto act = act_of(click.actor, origin_of(click), received);
    if (auto* answered = std::get_if<AnswerClick>(&clicked)) {
        // The other side of a link is told before this one is; a vote is acknowledged once it is recorded.
        const bool votes = answered->question.about == app::Question::About::vote;
        if (!votes) co_await acknowledge(received);
        auto reply =
            co_await conversation_.answer(std::move(act), std::move(answered->question), answered->agrees);
        if (votes && !reply.late) co_await acknowledge(received);
        if (votes && reply.late) measure(received);
        auto said = private_message(reply, style());
        if (!said) co_return;
        said->replaces = true;  // the question is answered
        co_return co_await tell(std::move(click.actor), std::move(*said));
    }
    if (auto* turned = std::get_if<PageClick>(&clicked))
        co_return co_await handle_page(std::move(received), std::move(click), std::move(*turned));
    if (auto* approved = std::get_if<ApprovalClick>(&clicked))
        co_return co_await handle_approval(std::move(received), std::move(click), std::move(*approved));
    if (auto* list = std::get_if<ListClick>(&clicked))
        co_return co_await handle_list(std::move(received), std::move(click), std::move(list->words));
    if (auto* together = std::get_if<TogetherClick>(&clicked))
        co_return co_await handle_together(std::move(received), std::move(click), together->batch);
    auto& on_card = std::get<CardClick>(clicked);
    act.card_since = posted_at(click.message);
    const auto origin = act.origin;
    auto reply = co_await conversation_.press(std::move(act), on_card.request, on_card.button, on_card.shown);
    if (!reply.late) co_await acknowledge(received);
    if (reply.late) measure(received);
    trace(received, origin, on_card.request);
    wire::SlackViewNote note{.request = on_card.request.text(), .channel = click.actor.channel};
    if (on_card.card) note.message = on_card.card->message;
    const bool of_no_request = reply.of_no_request;
    co_await draw(std::move(click.actor), std::move(reply), std::move(note), received.at);
    if (on_card.card) co_await note_card(on_card.request, std::move(*on_card.card), of_no_request);
    if (on_card.list) co_await conversation_.saw_list(on_card.request, std::move(*on_card.list));
}

// A card whose request does not exist loses its buttons.
awaitable<void> Interactions::note_card(core::RequestId request, app::MessageRef message,
                                        bool of_no_request) {
    if (!of_no_request) co_return co_await conversation_.saw_card(request, std::move(message));
    bool lost = co_await conversation_.shows_nothing(request, message);
    if (!lost) co_return;
    log::warn("slack", "a card of {}, which does not exist, is closed", request.text());
    auto left = wire::slack_words_alone(std::string(app::lost_card_words));
    auto arguments =
        wire::json_object("blocks", left.blocks, "channel", message.channel, "metadata", wire::json_object(),
                          "parse", "none", "text", left.text, "ts", message.message);
    auto closed = co_await api_.call(Method::update_message, std::move(arguments), message.channel,
                                     runtime_.within(tell_within));
    if (!closed) log::warn("slack", "it could not be closed: {}", closed.error().detail);
}

// What was asked is answered in its place, once.
awaitable<void> Interactions::handle_approval(Received received, wire::SlackClick click,
                                              ApprovalClick approved) {
    auto act = act_of(click.actor, origin_of(click), received);
    act.shown_digest = std::move(approved.shown.digest);
    act.card_since = posted_at(click.message);
    const auto origin = act.origin;
    auto reply = co_await conversation_.approve_asked(std::move(act), approved.request,
                                                      approved.shown.version, std::move(approved.reason));
    if (!reply.late) co_await acknowledge(received);
    trace(received, origin, approved.request);
    if (auto said = private_message(reply, style())) {
        said->replaces = true;
        co_return co_await tell(std::move(click.actor), std::move(*said));
    }
    wire::SlackViewNote note{.request = approved.request.text(), .channel = click.actor.channel};
    co_await draw(std::move(click.actor), std::move(reply), std::move(note), received.at);
}

Later<std::variant<wire::SlackPrivate, core::Refusal>> Interactions::question_of_vote(app::VoteAsked asked,
                                                                                      Deadline deadline) {
    using Asked = std::variant<wire::SlackPrivate, core::Refusal>;
    auto question = co_await conversation_.question_of_vote(std::move(asked), deadline);
    if (!question) co_return pass(question);
    if (auto* refusal = std::get_if<core::Refusal>(&*question)) co_return Asked{std::move(*refusal)};
    auto drawn = private_message(std::get<app::Reply>(*question), style());
    if (!drawn) co_return fail(Trouble::unavailable, "there is nothing to ask");
    co_return Asked{std::move(*drawn)};
}

// The pages of a full view are turned one after the other; which were seen, the view carries under our seal,
// and the store remembers for the next view.
awaitable<void> Interactions::handle_page(Received received, wire::SlackClick click, PageClick turned) {
    co_await acknowledge(received);
    click.actor.channel = turned.note.channel;
    auto act = act_of(click.actor, origin_of(click), received);
    const auto account = act.account;
    auto reply = co_await conversation_.press(std::move(act), turned.request, app::CardButton::details,
                                              app::CardExtent::part);
    const auto* full = std::get_if<app::FullView>(&reply.what);
    if (full == nullptr) {
        auto said = private_message(reply, style());
        if (said) co_await tell(std::move(click.actor), std::move(*said));
        co_return;
    }
    auto note = turn_page(seals_, account, std::move(turned.note), turned.forward,
                          wire::slack_full_view_pages(full->card, style()));
    auto view = wire::slack_full_view(full->card, style(), note, full->can_approve);
    auto arguments = wire::json_object("hash", click.hash, "view", view, "view_id", click.view);
    auto updated =
        co_await api_.call(Method::views_update, std::move(arguments), {}, runtime_.within(tell_within));
    if (updated) co_return co_await conversation_.showed_page(full->card, account, note.seen, note.pages);
    log::warn("slack", "a page could not be turned: {}", updated.error().detail);
    co_await tell(std::move(click.actor),
                  wire::slack_private("The page could not be turned. Open Details again."));
}

// The next page takes the place of the one before.
awaitable<void> Interactions::handle_list(Received received, wire::SlackClick click,
                                          app::CommandWords words) {
    co_await acknowledge(received);
    auto act = act_of(click.actor, origin_of(click), received);
    auto reply = co_await conversation_.command(std::move(act), std::move(words));
    auto said = private_message(reply, style());
    if (!said) co_return;
    said->replaces = true;
    co_await tell(std::move(click.actor), std::move(*said));
}

awaitable<void> Interactions::handle_submission(Received received, wire::SlackSubmission submission) {
    auto together = submission.callback == wire::slack_together
                        ? wire::read_slack_together_note(submission.metadata)
                        : std::nullopt;
    if (together && ours(submission.actor))
        co_return co_await submit_together(std::move(received), std::move(submission), std::move(*together));
    auto submitted = read_submission(submission);
    if (!submitted || !ours(submission.actor)) {
        co_await acknowledge(received);
        co_return;
    }
    submission.actor.channel = submitted->note.channel;
    const bool from_list = submitted->note.message.empty();
    auto act = act_of(submission.actor, origin_of(submission), received);
    act.typed_resource = std::move(submission.resource);
    act.card_since = posted_at(submitted->note.message);
    act.typed_numbers = std::move(submission.numbers);
    const auto account = act.account;
    const auto origin = act.origin;
    const auto shown =
        seals_.all_seen(submitted->note, account) ? app::CardExtent::whole : app::CardExtent::part;
    auto reply = co_await conversation_.submit(std::move(act), submitted->request, submitted->verdict,
                                               std::move(submission.reason), shown);
    if (const auto* full = std::get_if<app::FullView>(&reply.what)) {
        auto page = co_await first_page(*full, account, std::move(submitted->note));
        auto payload = wire::json_object("response_action", "update", "view", page.view);
        co_await acknowledge(received, received.accepts_payload ? &payload : nullptr);
        co_return co_await conversation_.showed_page(full->card, account, page.note.seen, page.note.pages);
    }
    if (const auto* needed = std::get_if<app::SignInNeeded>(&reply.what);
        needed && received.accepts_payload) {
        auto view = sign_in_view(*needed);
        auto payload = wire::json_object("response_action", "update", "view", view);
        co_await acknowledge(received, &payload);
        co_return;
    }
    const auto* lines = std::get_if<app::Lines>(&reply.what);
    if (lines == nullptr) {
        co_await acknowledge(received);  // closes the dialog
        trace(received, origin, submitted->request);
        homes_.changed(submission.actor.user);
        // No card in sight says that the vote is recorded.
        const auto* done = std::get_if<app::Silence>(&reply.what);
        if (done != nullptr && from_list && !submission.actor.channel.empty())
            co_await tell(std::move(submission.actor),
                          wire::slack_private(
                              core::recorded_sentence(submitted->verdict, done->now->c, done->now->ruling)));
        co_return;
    }
    if (reply.late || !received.accepts_payload) {
        if (!reply.late) co_await acknowledge(received);
        if (reply.late) measure(received);
        co_return co_await tell(std::move(submission.actor), message_of(*lines));
    }
    auto sentence = join(lines->text, " ");
    using Wrong = app::Lines::Wrong;
    const std::string_view block = lines->wrong == Wrong::resource ? "resource"
                                   : lines->wrong == Wrong::number ? "number0"
                                                                   : "reason";
    auto payload = lines->wrong != Wrong::nothing
                       ? wire::json_object("errors", wire::json_object(block, printable(sentence)),
                                           "response_action", "errors")
                       : wire::json_object("response_action", "update", "view",
                                           wire::slack_outcome_view(lines->title, sentence));
    co_await acknowledge(received, &payload);
}

awaitable<void> Interactions::handle_command(Received received, wire::SlackCommand command) {
    if (!ours(command.actor)) {
        auto refused = wire::slack_private("This workspace is not the one connected here.");
        co_return co_await answer(received, command.actor, std::move(refused));
    }
    auto words = app::read_command(command.text);
    if (app::takes_long(words)) co_await acknowledge(received);
    auto act = act_of(command.actor, origin_of(command), received);
    auto reply = co_await conversation_.command(std::move(act), std::move(words));
    auto said = private_message(reply, style());
    if (!said) {
        co_await acknowledge(received);
        co_return;
    }
    if (reply.late) measure(received);
    if (reply.late || received.acknowledged())
        co_return co_await tell(std::move(command.actor), std::move(*said));
    co_await answer(received, command.actor, std::move(*said));
}

void Interactions::trace(const Received& received, const app::Origin& origin, core::RequestId request) const {
    if (runtime_.tracer == nullptr) return;
    runtime_.trace(app::act_span(core::Surface::slack, request, origin.key), received.at);
}

}  // namespace countersign::slack
