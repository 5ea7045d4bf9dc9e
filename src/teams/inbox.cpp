#include "teams/inbox.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "countersign/base/log.hpp"
#include "countersign/base/text.hpp"
#include "countersign/wire/teams_full_view.hpp"
#include "teams/answers.hpp"

namespace countersign::teams {

using rt::asio::awaitable;
using Kind = wire::TeamsActivity::Kind;

namespace {

constexpr core::Duration finish_poll = std::chrono::milliseconds{20};
// Cards are shown to whoever was a member at some time; what is decided looks again.
constexpr core::Duration any_age = std::chrono::hours{24 * 366};
constexpr std::string_view not_here = "This bot serves another organisation.";
constexpr std::string_view not_a_member =
    "Only full members of the organisation are answered, and you are not known as one right now.";
constexpr std::string_view takes_long_words =
    "This takes longer than Teams waits. The card tells what became of it, and so do I, in our own "
    "conversation.";

bool known_invoke(std::string_view name) {
    return name == card_invoke || name == dialog_opens || name == dialog_sends || name == query_invoke;
}

app::Reply said(std::string_view words) {
    return {app::Lines{{std::string(words)}}};
}

std::string parameter_of(const core::Value& value, std::string_view name) {
    if (const auto* items = value["parameters"].items())
        for (const core::Value& item : *items)
            if (item["name"].text() == name) return std::string(item["value"].text());
    return {};
}

}  // namespace

Inbox::Inbox(const TeamsSettings& settings, const app::Runtime& runtime, Parts parts,
             app::Conversation::Parts conversation, rt::asio::any_io_executor executor)
    : settings_(settings),
      runtime_(runtime),
      parts_(parts),
      conversation_(runtime, conversation, manner()),
      passes_(settings.page_key),
      age_max_(conversation.roster.age_max()),
      executor_(executor),
      tasks_(executor, in_flight_max, rt::report_bug) {}

app::Conversation::Manner Inbox::manner() const {
    return {.chat = core::Surface::teams,
            .shows_everything =
                [this](const core::CardView& card) {
                    return wire::teams_card_is_whole(card, parts_.speech.style());
                },
            // Mentions were turned into accounts by their ids before the words are read.
            .mentioned = [](std::string_view word) -> std::optional<core::AccountId> {
                core::AccountId account{std::string(word)};
                const auto its = core::parts(account);
                const bool named = its.kind == "teams" && !its.workspace.empty() && !its.id.empty();
                return named ? std::optional{std::move(account)} : std::nullopt;
            }};
}

// ---- what comes in

awaitable<net::HttpResponse> Inbox::receive(net::HttpExchange& exchange) {
    const auto at = runtime_.now();
    const net::HttpRequest& request = exchange.request();
    if (request.body.size() > wire::teams_activity_bytes_max) co_return status_alone(413);
    auto believed = co_await parts_.tokens.check(authorization_of(request.fields), {at + token_patience});
    if (!believed) co_return not_believed(believed.error());
    auto activity = wire::read_teams_activity(request.body);
    if (!activity) co_return status_alone(400);
    auto meant = parts_.tokens.speaks_for(*believed, *activity);
    if (!meant) co_return not_believed(meant.error());
    co_return co_await take(std::move(*activity), at);
}

net::HttpResponse Inbox::not_believed(const Failure& failure) {
    constexpr core::Duration told_every = std::chrono::seconds{1};
    ++untold_;
    if (runtime_.now() - told_at_ >= told_every) {
        log::warn("teams", "a call is not believed: {} ({}); {} since the last such line", failure.detail,
                  failure.code, untold_);
        told_at_ = runtime_.now();
        untold_ = 0;
    }
    return status_alone(failure.trouble == Trouble::unavailable ? 503 : 401);
}

// The conversation's tenant says little of who acts, but what is of another organisation ends here.
bool Inbox::ours(const wire::TeamsActivity& activity) {
    if (activity.tenant.empty() || activity.tenant != activity.data_tenant) return false;
    if (wire::teams_channel_of(activity.conversation) == settings_.channel)
        parts_.directory.home_is(activity.tenant);
    return activity.tenant == parts_.directory.home();
}

awaitable<net::HttpResponse> Inbox::take(wire::TeamsActivity activity, core::Instant at) {
    if (!ours(activity)) co_return words_for(activity, not_here);
    parts_.references.heard(activity);
    if (activity.members_changed || activity.kind == Kind::installation_update) {
        parts_.directory.changed(activity.conversation);
        if (!activity.team.empty()) parts_.directory.changed(activity.team);
    }
    const bool acts = activity.kind == Kind::invoke || activity.kind == Kind::message;
    if (!acts) co_return status_alone(200);
    if (activity.kind == Kind::invoke && !known_invoke(activity.invoke)) co_return status_alone(501);
    if (!activity.from.starts_with("29:") || activity.from_object.empty())
        co_return words_for(activity, not_a_member);
    parts_.directory.acted(activity.from_object, activity.from, activity.conversation);

    const auto shared = std::make_shared<const wire::TeamsActivity>(std::move(activity));
    auto key = shared->id.empty() ? fmt::format("#{}", ++nameless_)
                                  : fmt::format("{}\n{}", shared->conversation, shared->id);
    auto under_way = flights_.find(key);
    FlightPtr flight;
    if (under_way != flights_.end()) {
        flight = under_way->second;
    } else {
        // What is turned away comes again, and is not to be taken for a repetition then.
        if (tasks_.size() >= in_flight_max) co_return status_alone(503);
        if (shared->kind == Kind::message && !messages_.add(key)) co_return status_alone(200);
        flight = std::make_shared<Flight>(executor_);
        flights_.emplace(key, flight);
        if (!tasks_.start("teams activity", work(key, shared, flight, at))) {
            flights_.erase(key);
            log::warn("teams", "{} activities are under way: one more is turned away", tasks_.size());
            co_return status_alone(503);
        }
    }
    if (!flight->over) co_await flight->landed.wait_until(runtime_.timers, at + answer_within);
    if (acknowledged_) acknowledged_(runtime_.now() - at);
    if (flight->over) co_return flight->answer;
    flight->late = true;
    co_return words_for(*shared, takes_long_words);
}

awaitable<void> Inbox::work(std::string key, ActivityPtr activity, FlightPtr flight, core::Instant at) {
    // Whoever waits must hear of the end, however it comes.
    struct Landing {
        Inbox& self;
        const std::string& key;
        FlightPtr& flight;
        ~Landing() {
            self.flights_.erase(key);
            flight->over = true;
            flight->landed.notify_all();
        }
    } landing{*this, key, flight};
    flight->answer = status_alone(503);
    auto answer = co_await handle(std::move(activity), flight, at);
    flight->answer = std::move(answer);
}

awaitable<net::HttpResponse> Inbox::handle(ActivityPtr activity, FlightPtr flight, core::Instant at) {
    if (activity->invoke == query_invoke) co_return co_await query(std::move(activity), at);
    const bool button = activity->kind == Kind::invoke || activity->value.members() != nullptr;
    if (!button) {
        co_await command(std::move(activity), at);
        co_return status_alone(200);
    }
    auto press = wire::read_teams_press(activity->value);
    auto request = press.known_form ? request_of(press) : std::nullopt;
    const bool in_dialog = activity->invoke == dialog_opens || activity->invoke == dialog_sends;
    Asked asked{.activity = std::move(activity),
                .press = std::move(press),
                .at = at,
                .request = request,
                .in_dialog = in_dialog};
    co_return co_await pressed(std::move(asked), std::move(flight));
}

core::AccountId Inbox::account_of(const wire::TeamsActivity& activity) const {
    return core::chat_account(core::Surface::teams, parts_.directory.home(), activity.from_object);
}

app::Act Inbox::act_of(const wire::TeamsActivity& activity, app::Origin origin, core::Instant at) const {
    return {.account = account_of(activity),
            .origin = std::move(origin),
            .answer_by = at + commit_within,
            .shown_digest = {},
            .channel = std::string(wire::teams_channel_of(activity.conversation))};
}

app::Act Inbox::act_of(const Asked& asked) const {
    auto act = act_of(*asked.activity, origin_of(asked.press, asked.who()), asked.at);
    if (!asked.press.digest.empty()) act.shown_digest = asked.press.digest;
    act.typed_resource = asked.press.resource;
    act.card_since = shown_since(*asked.activity);
    act.typed_numbers = asked.press.numbers;
    return act;
}

std::string Inbox::channel_of(const Asked& asked) {
    return std::string(wire::teams_channel_of(asked.activity->conversation));
}

awaitable<bool> Inbox::is_member(const wire::TeamsActivity& activity, core::Duration age_max,
                                 Deadline deadline) {
    auto asked = co_await parts_.directory.refresh(account_of(activity), {}, age_max, deadline);
    if (!asked) log::warn("teams", "a sender could not be looked up: {}", asked.error().detail);
    auto workspace = parts_.directory.workspace();
    const auto* user = workspace ? workspace->users.find(activity.from_object) : nullptr;
    co_return asked&& user && user->klass == core::AccountClass::member;
}

// ---- buttons

awaitable<net::HttpResponse> Inbox::pressed(Asked asked, FlightPtr flight) {
    const auto& act = asked.press.act;
    const bool votes = verdict_of(act).has_value();
    const bool looks = act == wire::teams_view || act == wire::teams_details || act == wire::teams_read;
    const bool answers = question_of(asked.press).has_value() && asked.press.known_form;
    if (!answers && (!asked.request || (!votes && !looks))) {
        log::warn("teams", "a press of something that is not ours was not followed");
        co_return words_for(*asked.activity, not_known);
    }
    // A vote of anybody else is refused by the rules for votes, which record it.
    if (!votes) {
        auto patience = Deadline{asked.at + commit_within};
        bool member =
            co_await is_member(*asked.activity, act == wire::teams_view ? any_age : age_max_, patience);
        if (!member) co_return words_for(*asked.activity, not_a_member);
    }
    const bool on_card = asked.activity->invoke == card_invoke && !answers;
    if (on_card && message_of(*asked.activity)) tasks_.start("teams copy of a card", saw(asked));
    if (act == wire::teams_view) co_return co_await own_card(asked, {});
    if (looks && asked.press.page > 0) co_return co_await page(asked);
    auto reply = co_await this->act(asked);
    if (votes) trace(asked);
    const bool message = asked.activity->kind == Kind::message;
    if (reply.of_no_request && (asked.in_dialog || message)) note_lost(asked);  // else it is found on drawing
    if ((flight->late || message) && !std::holds_alternative<app::Silence>(reply.what))
        tasks_.start("teams reply", tell(asked.activity, reply));
    if (message) co_return status_alone(200);
    co_return co_await body_of(asked, reply);
}

awaitable<app::Reply> Inbox::act(const Asked& asked) {
    const auto& press = asked.press;
    if (auto question = question_of(press)) {
        auto answer = act_of(*asked.activity, origin_of(*asked.activity), asked.at);
        co_return co_await conversation_.answer(std::move(answer), std::move(*question),
                                                press.act == wire::teams_agree);
    }
    const auto request = *asked.request;
    auto act = act_of(asked);
    if (press.act == wire::teams_details)
        co_return co_await conversation_.press(std::move(act), request, app::CardButton::details,
                                               app::CardExtent::unknown);
    if (press.act == wire::teams_read)
        co_return co_await conversation_.press(std::move(act), request, app::CardButton::approve,
                                               app::CardExtent::part);
    const auto verdict = *verdict_of(press.act);
    if (verdict == core::Verdict::approve) co_return co_await approve(asked);
    // The button asks for what a vote of this verdict still takes.
    const auto button = core::button_of(verdict);
    if (trim(press.reason).empty() && press.numbers.empty() && button)
        co_return co_await conversation_.press(std::move(act), request, *button, app::CardExtent::unknown);
    co_return co_await conversation_.submit(std::move(act), request, verdict, press.reason,
                                            app::CardExtent::unknown);
}

// What does not stand on the card whole is approved at the end of the full view alone.
awaitable<app::Reply> Inbox::approve(const Asked& asked) {
    const auto& press = asked.press;
    const auto request = *asked.request;
    auto extent = app::CardExtent::unknown;
    // In their own conversation they were asked whether to approve what stood there.
    if (press.about == "shown")
        co_return co_await conversation_.approve_asked(
            act_of(asked), request, static_cast<std::int32_t>(press.version), press.reason);
    const bool reasoned = !trim(press.reason).empty() || !trim(press.resource).empty();
    if (press.page > 0 || reasoned) {
        auto now = co_await conversation_.look(request, account_of(*asked.activity), channel_of(asked),
                                               Deadline{asked.at + commit_within});
        if (!now) {
            auto reply = said(unread(now.error()));
            reply.of_no_request = now.error().trouble == Trouble::not_found;
            co_return reply;
        }
        const auto& card = now->card;
        const bool read =
            press.digest == card.digest && passes_.shows_all_before(press, request, asked.who()) &&
            static_cast<std::size_t>(press.page) >= wire::teams_full_view_pages(card, parts_.speech.style());
        if (read) extent = app::CardExtent::whole;
        const bool whole = read || wire::teams_card_is_whole(card, parts_.speech.style());
        if (reasoned && !whole) co_return app::Reply{app::FullView{std::move(now->card), true}};
    }
    auto act = act_of(asked);
    if (reasoned)
        co_return co_await conversation_.submit(std::move(act), request, core::Verdict::approve, press.reason,
                                                app::CardExtent::whole);
    co_return co_await conversation_.press(std::move(act), request, app::CardButton::approve, extent);
}

// ---- words

std::string Inbox::words_with_people(const wire::TeamsActivity& activity) const {
    wire::TeamsActivity named = activity;
    for (const wire::TeamsMention& mention : activity.mentions) {
        if (mention.id == activity.recipient || mention.text.empty()) continue;
        auto object = parts_.directory.object_of(mention.id);
        if (object.empty()) continue;
        auto account = core::chat_account(core::Surface::teams, parts_.directory.home(), object).text();
        auto at = named.text.find(mention.text);
        if (at != std::string::npos) named.text.replace(at, mention.text.size(), account);
    }
    return wire::teams_words(named, activity.recipient);
}

awaitable<void> Inbox::command(ActivityPtr activity, core::Instant at) {
    bool member = co_await is_member(*activity, age_max_, Deadline{at + commit_within});
    auto words = app::read_command(words_with_people(*activity));
    app::Reply reply = said(not_a_member);
    if (member) {
        auto act = act_of(*activity, origin_of(*activity), at);
        auto answered = co_await conversation_.command(std::move(act), std::move(words));
        reply = std::move(answered);
    }
    tasks_.start("teams reply", tell(std::move(activity), std::move(reply)));
}

awaitable<net::HttpResponse> Inbox::query(ActivityPtr activity, core::Instant at) {
    bool member = co_await is_member(*activity, age_max_, Deadline{at + commit_within});
    if (!member) co_return words_for(*activity, not_a_member);
    auto act = act_of(*activity, origin_of(*activity), at);
    auto reply = co_await conversation_.command(std::move(act), {.verb = "all", .number = {}, .rest = {}});
    auto* list = std::get_if<app::RequestList>(&reply.what);
    if (list == nullptr) co_return words_for(*activity, words_of(reply));
    const auto wanted = lower_ascii(trim(parameter_of(activity->value, "q")));
    auto items = summaries(*list);
    std::erase_if(items, [&](const core::CardSummary& item) {
        return lower_ascii(fmt::format("#{} {} {}", item.number, item.line, item.detail)).find(wanted) ==
               std::string::npos;
    });
    co_return json_body(wire::teams_results_answer(items));
}

// Nobody else reads an answer: it goes into the person's own conversation with the bot.
awaitable<void> Inbox::tell(ActivityPtr activity, app::Reply reply) {
    auto card = private_card(reply, parts_.speech.style());
    if (!card) co_return;
    const auto deadline = runtime_.within(tell_within);
    const bool own = activity->conversation_kind == "personal";
    auto alone = [&] {
        return parts_.speech.answer_alone(activity->conversation, activity->from, *card, deadline);
    };
    // What became of a press is told where it was made.
    const bool of_press = activity->kind == Kind::invoke && std::holds_alternative<app::Lines>(reply.what);
    if (!own && of_press) {
        auto there = co_await alone();
        if (there) co_return;
    }
    auto telling = own ? parts_.speech.answer_in(activity->conversation, *card, deadline)
                       : parts_.speech.tell(activity->from_object, *card, deadline);
    auto told = co_await std::move(telling);
    if (told) co_return;
    log::warn("teams", "somebody could not be answered: {}", told.error().detail);
    if (own || told.error().trouble != Trouble::forbidden) co_return;
    auto there = co_await alone();
    if (there) co_return;
    auto advice = wire::teams_lines({"I answer in private. Add this app for yourself, then ask again."});
    auto advised = co_await parts_.speech.answer_in(activity->conversation, advice, deadline);
    if (!advised) log::warn("teams", "nor told why: {}", advised.error().detail);
}

awaitable<void> Inbox::finish(core::Instant deadline) {
    while (tasks_.size() > 0 && runtime_.now() < deadline)
        co_await runtime_.timers.sleep_until(runtime_.now() + finish_poll);
    co_await tasks_.end(runtime_.timers, deadline);
}

}  // namespace countersign::teams
