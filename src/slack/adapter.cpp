#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <utility>

#include "countersign/adapters/slack.hpp"
#include "countersign/base/check.hpp"
#include "countersign/base/log.hpp"
#include "countersign/base/text.hpp"
#include "countersign/net/http_client.hpp"
#include "countersign/wire/slack_batch.hpp"
#include "countersign/wire/slack_card.hpp"
#include "countersign/wire/slack_views.hpp"
#include "slack/api_errors.hpp"
#include "slack/credentials.hpp"
#include "slack/directory.hpp"
#include "slack/interactions.hpp"
#include "slack/sockets.hpp"
#include "slack/web_api.hpp"

namespace countersign::slack {

using core::Value;
using rt::asio::awaitable;

namespace {

constexpr std::size_t connections_max = 10;
constexpr core::Duration ask_within = std::chrono::seconds{10};
constexpr core::Duration ask_again_min = std::chrono::seconds{1};
constexpr core::Duration ask_again_max = std::chrono::seconds{60};
constexpr core::Duration probe = std::chrono::minutes{5};
// A card's edit waits no longer for its turn: by then it should show something newer.
constexpr core::Duration edit_patience = std::chrono::seconds{2};
constexpr core::Duration finish_within = std::chrono::milliseconds{2'500};
constexpr core::Duration close_within = std::chrono::milliseconds{1'500};
constexpr std::size_t found_pages_max = 5;
// What the metadata of our messages says they are.
constexpr std::string_view card_event = "countersign_request";
constexpr std::string_view line_event = "countersign_line";
constexpr core::Duration clocks_differ_max = std::chrono::minutes{1};

bool channel_id(std::string_view text) {
    auto idlike = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); };
    return text.size() > 2 && std::string_view{"CGD"}.find(text.front()) != text.npos &&
           std::ranges::all_of(text, idlike);
}

bool cannot_know(const Failure& failure) {
    return failure.trouble == Trouble::unauthenticated || failure.trouble == Trouble::invalid_input ||
           failure.trouble == Trouble::not_found;
}

std::string slack_ts(core::Instant at) {
    auto us = at.time_since_epoch().count();
    return fmt::format("{}.{:06}", us / 1'000'000, us % 1'000'000);
}

class Adapter final : public Slack {
  public:
    Adapter(SlackSettings settings, const app::Runtime& runtime, app::Conversation::Parts parts,
            net::Dialer& dialer, rt::asio::any_io_executor executor)
        : settings_(std::move(settings)),
          runtime_(runtime),
          client_(net::make_http_client(dialer, runtime.clock, runtime.timers, executor)),
          workbench_(executor, {.threads = 1, .background = 1, .queue_max = 256},
                     [] { return std::make_unique<Bench>(); }),
          api_(settings_, *client_, runtime.clock, runtime.timers, runtime.entropy, workbench_),
          directory_(api_, workbench_, runtime, parts.roster, settings_.manager_field, executor),
          interactions_(api_, directory_, runtime, parts, settings_, executor),
          sockets_(std::clamp<std::size_t>(settings_.connections, 1, connections_max), api_, dialer, runtime,
                   executor, hooks()),
          tasks_(executor, 4, rt::report_bug),
          problem_(token_problem(settings_)) {}

    core::Surface surface() const override { return core::Surface::slack; }
    const std::string& default_channel() const override { return settings_.channel; }
    awaitable<void> run() override;
    std::string problem() const override;
    std::vector<std::string> notes() const override { return health().notes; }
    SlackHealth health() const override;
    std::size_t connections() const override { return sockets_.live(); }
    void on_acknowledged(std::function<void(core::Duration)> told) override {
        interactions_.on_acknowledged(std::move(told));
    }

    Later<app::MessageRef> post(const core::CardView& card, const std::string& channel,
                                Deadline deadline) override;
    Later<Done> refresh(const app::MessageRef& message, const core::CardView& card,
                        Deadline deadline) override;
    Later<Done> retire(const app::MessageRef& message, const core::CardView& card,
                       Deadline deadline) override;
    Later<Done> say(const app::MessageRef& card, const core::ThreadLine& line, app::LineMark mark,
                    Deadline deadline) override;
    Later<std::vector<app::MessageRef>> find_posted(core::RequestId request, const std::string& channel,
                                                    core::Instant since, Deadline deadline) override;
    Later<std::int32_t> told_in_thread(const app::MessageRef& card, core::RequestId request,
                                       Deadline deadline) override;
    bool shows_batches() const override { return true; }
    Later<app::MessageRef> post_batch(const core::BatchView& batch, const std::string& channel,
                                      Deadline deadline) override {
        co_return co_await post_shown(wire::slack_batch(batch, style()), channel, deadline);
    }
    Later<Done> refresh_batch(const app::MessageRef& message, const core::BatchView& batch,
                              Deadline deadline) override {
        co_return co_await refresh_shown(message, wire::slack_batch(batch, style()), deadline);
    }
    Later<Done> retire_batch(const app::MessageRef& message, const core::BatchView& batch,
                             Deadline deadline) override {
        co_return co_await retire_shown(message, wire::slack_retired_batch(batch), deadline);
    }
    Later<std::vector<app::MessageRef>> find_batch(core::BatchId batch, const std::string& channel,
                                                   core::Instant since, Deadline deadline) override {
        About about{.event = wire::slack_batch_event, .member = "batch_id", .id = batch.text()};
        co_return co_await find(std::move(about), channel, since, deadline);
    }
    void remember(const app::MessageRef& message) override { interactions_.knows_card(message); }

    Later<Done> announce(std::string words, std::string raw, const std::string& channel,
                         Deadline deadline) override;
    Later<Done> confide(core::AccountId to, app::Confidence what, Deadline deadline) override;
    Later<std::optional<core::Refusal>> ask_vote(app::VoteAsked asked, Deadline deadline) override;

    std::shared_ptr<const core::Workspace> workspace() const override { return directory_.workspace(); }
    Later<Done> refresh(std::optional<core::AccountId> account, std::vector<std::string> groups,
                        core::Duration age_max, Deadline deadline) override {
        co_return co_await directory_.refresh(std::move(account), std::move(groups), age_max, deadline);
    }

  private:
    Later<Done> tell(core::AccountId to, wire::SlackPrivate said, Deadline deadline);
    Sockets::Hooks hooks();
    awaitable<bool> learn_home();
    awaitable<void> connect();
    wire::SlackStyle style() const;
    std::string lane_of(std::string channel) const;
    void learn_channel(std::string name, std::string id);
    Later<std::string> channel_of(std::string name, Deadline deadline);
    // What the metadata of a message of ours says that it is about.
    struct About {
        std::string_view event;
        std::string_view member = "request_id";  // of the payload
        std::string id;
    };
    std::vector<Value> ours_among(const Value& page, const About& about) const;
    Later<std::vector<Value>> search(Method method, Value arguments, About about, Deadline deadline);
    Later<std::vector<app::MessageRef>> find(About about, const std::string& channel, core::Instant since,
                                             Deadline deadline);
    Later<app::MessageRef> post_shown(wire::SlackMessage shown, const std::string& channel,
                                      Deadline deadline);
    Later<Done> refresh_shown(const app::MessageRef& posted, wire::SlackMessage shown, Deadline deadline);
    Later<Done> retire_shown(const app::MessageRef& posted, wire::SlackMessage shown, Deadline deadline);

    SlackSettings settings_;
    const app::Runtime& runtime_;
    std::unique_ptr<net::HttpClient> client_;
    Workbench workbench_;
    WebApi api_;
    SlackDirectory directory_;
    Interactions interactions_;
    Sockets sockets_;
    rt::TaskGroup tasks_;
    std::map<std::string, std::string, std::less<>> channel_ids_;    // by name without '#'
    std::map<std::string, std::string, std::less<>> channel_names_;  // and the other way round
    static constexpr std::size_t channel_ids_max = 10'000;
    std::string problem_;  // of tokens and scopes; empty: none
    bool connected_ = false;
    bool stopping_ = false;
};

Sockets::Hooks Adapter::hooks() {
    return {.envelope =
                [this](SocketPtr socket, wire::SlackEnvelope envelope) {
                    interactions_.take(std::move(socket), std::move(envelope));
                },
            .back = [this] { directory_.doubt_all(); },
            .app_id = [this] { return directory_.home() ? directory_.home()->app : std::string{}; },
            .connected_app = [this](std::string app) { directory_.app_is(std::move(app)); }};
}

SlackHealth Adapter::health() const {
    SlackHealth health;
    health.live = sockets_.live();
    health.problem = problem_.empty() ? api_.problem() : problem_;
    if (health.problem.empty()) health.problem = connected_ ? sockets_.problem() : "slack: connecting";
    if (directory_.home()) health.team = directory_.home()->team;
    for (const std::string& note : {sockets_.note(), directory_.note()})
        if (!note.empty()) health.notes.push_back(note);
    return health;
}

// One live socket is enough to be heard.
std::string Adapter::problem() const {
    auto now = health();
    if (now.live > 0) return {};
    return now.problem.empty() ? "not connected yet" : now.problem;
}

// ---- running

awaitable<bool> Adapter::learn_home() {
    core::Duration wait = ask_again_min;
    for (;;) {
        auto answer =
            co_await api_.call(Method::auth_test, Value::object(), {}, {runtime_.now() + ask_within});
        if (answer && wire::read_slack_home(*answer).team.empty())
            answer = fail(Trouble::unavailable, "auth.test does not say which workspace this is");
        if (answer) {
            auto home = wire::read_slack_home(*answer);
            log::info("slack", "connected to {} ({}) as {}", visible(home.team), visible(home.team_name),
                      visible(home.bot_user));
            problem_ = scope_problem(api_.scopes());
            if (!problem_.empty()) log::error("slack", "{}", problem_);
            directory_.connected_to(std::move(home));
            connected_ = true;
            co_return true;
        }
        const Failure& failure = answer.error();
        bool settings_wrong = failure.trouble == Trouble::unauthenticated;
        problem_ = settings_wrong ? advice("slack.bot_token", failure.code, "")
                                  : "slack: not reached: " + failure.detail;
        log::warn("slack", "{}", problem_);
        auto until = failure.not_before.value_or(runtime_.now() + (settings_wrong ? probe : wait));
        auto cancelled = co_await runtime_.timers.sleep_until(until);
        if (cancelled) co_return false;
        wait = std::min(wait * 2, ask_again_max);
    }
}

awaitable<void> Adapter::connect() {
    bool known = co_await learn_home();
    if (!known || stopping_) co_return;
    tasks_.start("slack directory", directory_.keep_warm());
    tasks_.start("slack list of users", directory_.keep_listed());
    tasks_.start_loop("slack homes", interactions_.keep_homes());
    sockets_.start();
}

awaitable<void> Adapter::run() {
    if (problem_.empty())
        tasks_.start("slack connect", connect());
    else
        log::error("slack", "{}", problem_);  // until it is started with other settings
    co_await rt::until_asked();
    // What was clicked is acknowledged before the sockets go.
    stopping_ = true;
    co_await interactions_.finish(runtime_.now() + finish_within);
    co_await sockets_.stop(runtime_.now() + close_within);
    co_await directory_.stop(runtime_.now() + close_within);
    co_await tasks_.end(runtime_.timers, runtime_.now() + close_within);
}

// ---- the chat

wire::SlackStyle Adapter::style() const {
    return {.team = directory_.home() ? directory_.home()->team : std::string{},
            .link_hosts = settings_.link_hosts,
            .workspace_url = directory_.home() ? directory_.home()->url : std::string{}};
}

// A channel named and the same channel by its id keep one pace: that of the name.
std::string Adapter::lane_of(std::string channel) const {
    if (channel.starts_with('#')) channel.erase(0, 1);
    auto known = channel_names_.find(channel);
    return known == channel_names_.end() ? channel : known->second;
}

void Adapter::learn_channel(std::string name, std::string id) {
    if (channel_ids_.size() >= channel_ids_max || name == id || name.empty()) return;
    channel_names_.try_emplace(id, name);
    channel_ids_[std::move(name)] = std::move(id);
}

Later<app::MessageRef> Adapter::post(const core::CardView& card, const std::string& channel,
                                     Deadline deadline) {
    co_return co_await post_shown(wire::slack_card(card, style()), channel, deadline);
}

Later<app::MessageRef> Adapter::post_shown(wire::SlackMessage shown, const std::string& channel,
                                           Deadline deadline) {
    auto arguments = wire::json_object("blocks", shown.blocks, "channel", channel, "link_names", false,
                                       "metadata", shown.metadata, "parse", "none", "text", shown.text,
                                       "unfurl_links", false, "unfurl_media", false);
    auto name = channel;
    auto answer = co_await api_.call(Method::post_message, std::move(arguments), lane_of(channel), deadline);
    if (!answer) co_return pass(answer);
    app::MessageRef posted{std::string((*answer)["channel"].text()), std::string((*answer)["ts"].text())};
    if (posted.channel.empty() || posted.message.empty())
        co_return fail(Trouble::timed_out, "Slack did not say where it put a message");
    if (name.starts_with('#')) name.erase(0, 1);
    learn_channel(std::move(name), posted.channel);
    co_return posted;
}

Later<Done> Adapter::refresh(const app::MessageRef& posted, const core::CardView& card, Deadline deadline) {
    co_return co_await refresh_shown(posted, wire::slack_card(card, style()), deadline);
}

Later<Done> Adapter::refresh_shown(const app::MessageRef& posted, wire::SlackMessage shown,
                                   Deadline deadline) {
    auto arguments =
        wire::json_object("blocks", shown.blocks, "channel", posted.channel, "link_names", false, "metadata",
                          shown.metadata, "parse", "none", "text", shown.text, "ts", posted.message);
    auto answer = co_await api_.call(Method::update_message, std::move(arguments), lane_of(posted.channel),
                                     deadline, edit_patience);
    if (!answer) co_return pass(answer);
    co_return Done{};
}

Later<Done> Adapter::retire(const app::MessageRef& posted, const core::CardView& card, Deadline deadline) {
    co_return co_await retire_shown(posted, wire::slack_retired_card(card), deadline);
}

Later<Done> Adapter::retire_shown(const app::MessageRef& posted, wire::SlackMessage shown,
                                  Deadline deadline) {
    // Empty metadata takes away what made it a card.
    auto arguments =
        wire::json_object("blocks", shown.blocks, "channel", posted.channel, "link_names", false, "metadata",
                          wire::json_object(), "parse", "none", "text", shown.text, "ts", posted.message);
    auto answer = co_await api_.call(Method::update_message, std::move(arguments), lane_of(posted.channel),
                                     deadline, edit_patience);
    if (!answer) co_return pass(answer);
    co_return Done{};
}

Later<Done> Adapter::say(const app::MessageRef& card, const core::ThreadLine& line, app::LineMark mark,
                         Deadline deadline) {
    auto shown = wire::slack_thread_line(line, style());
    auto lane = lane_of(card.channel);
    auto metadata = wire::json_object(
        "event_payload", wire::json_object("entry", mark.entry, "request_id", mark.request.text()),
        "event_type", line_event);
    auto arguments = wire::json_object("blocks", shown.blocks, "channel", card.channel, "link_names", false,
                                       "metadata", metadata, "parse", "none", "text", shown.text, "thread_ts",
                                       card.message, "unfurl_links", false, "unfurl_media", false);
    auto answer = co_await api_.call(Method::post_message, std::move(arguments), std::move(lane), deadline);
    if (!answer) co_return pass(answer);
    co_return Done{};
}

Later<Done> Adapter::announce(std::string words, std::string raw, const std::string& channel,
                              Deadline deadline) {
    auto shown = wire::slack_announcement(words, raw);
    auto arguments =
        wire::json_object("blocks", shown.blocks, "channel", channel, "link_names", false, "parse", "none",
                          "text", shown.text, "unfurl_links", false, "unfurl_media", false);
    auto posted = co_await api_.call(Method::post_message, std::move(arguments), channel, deadline);
    if (!posted) co_return pass(posted);
    co_return Done{};
}

// A direct message: Slack takes a person's id for the channel.
Later<Done> Adapter::tell(core::AccountId to, wire::SlackPrivate said, Deadline deadline) {
    auto whom = core::parts(to);
    if (whom.kind != core::name_of(core::Surface::slack) || !directory_.home() ||
        whom.workspace != directory_.home()->team)
        co_return fail(Trouble::not_found, "this account is of another workspace");
    std::string channel{whom.id};
    auto arguments =
        wire::json_object("blocks", said.blocks, "channel", channel, "link_names", false, "parse", "none",
                          "text", said.text, "unfurl_links", false, "unfurl_media", false);
    auto told = co_await api_.call(Method::post_message, std::move(arguments), channel, deadline);
    if (!told) co_return pass(told);
    co_return Done{};
}

Later<Done> Adapter::confide(core::AccountId to, app::Confidence what, Deadline deadline) {
    auto said = what.offer ? wire::slack_private_link(what.lines, what.offer->text())
                           : wire::slack_private_lines(what.lines);
    co_return co_await tell(std::move(to), std::move(said), deadline);
}

Later<std::optional<core::Refusal>> Adapter::ask_vote(app::VoteAsked asked, Deadline deadline) {
    auto account = asked.account;
    auto question = co_await interactions_.question_of_vote(std::move(asked), deadline);
    if (!question) co_return pass(question);
    if (auto* refusal = std::get_if<core::Refusal>(&*question)) co_return std::optional{std::move(*refusal)};
    auto said = std::move(std::get<wire::SlackPrivate>(*question));
    auto told = co_await tell(std::move(account), std::move(said), deadline);
    if (!told) co_return pass(told);
    co_return std::optional<core::Refusal>{};
}

// Slack takes names only where messages are posted; elsewhere it wants ids.
Later<std::string> Adapter::channel_of(std::string name, Deadline deadline) {
    if (name.starts_with('#')) name.erase(0, 1);
    if (auto it = channel_ids_.find(name); it != channel_ids_.end()) co_return it->second;
    if (channel_id(name)) co_return name;
    std::string cursor;
    for (std::size_t page = 0; page < found_pages_max; ++page) {
        auto arguments = Value::object(
            {{"types", "public_channel,private_channel"}, {"exclude_archived", true}, {"limit", 900}});
        if (!cursor.empty()) arguments.set("cursor", cursor);
        auto answer = co_await api_.call(Method::conversations, std::move(arguments), {}, deadline);
        if (!answer) co_return pass(answer);
        if (const auto* channels = (*answer)["channels"].items())
            for (const Value& channel : *channels)
                learn_channel(std::string(channel["name"].text()), std::string(channel["id"].text()));
        if (auto it = channel_ids_.find(name); it != channel_ids_.end()) co_return it->second;
        cursor = (*answer)["response_metadata"]["next_cursor"].text();
        if (cursor.empty()) break;
    }
    co_return fail(Trouble::not_found, "the bot is in no channel of that name", "channel_not_found");
}

// Our own messages that say so of themselves.
std::vector<Value> Adapter::ours_among(const Value& page, const About& about) const {
    std::vector<Value> found;
    const auto* messages = page["messages"].items();
    const auto& home = directory_.home();
    if (!messages || !home) return found;
    auto same = [](const Value& said, const std::string& known) {
        return !known.empty() && said.text() == known;
    };
    for (const Value& message : *messages) {
        const Value& metadata = message["metadata"];
        bool ours = same(message["app_id"], home->app) || same(message["bot_id"], home->bot) ||
                    same(message["user"], home->bot_user);
        if (!ours || metadata["event_type"].text() != about.event) continue;
        if (metadata["event_payload"][about.member].text() == about.id) found.push_back(message);
    }
    return found;
}

// Pages through a channel or a thread. What cannot be known (a scope that is missing, a channel that is not
// ours) counts as not there: asking again would not help.
Later<std::vector<Value>> Adapter::search(Method method, Value arguments, About about, Deadline deadline) {
    std::vector<Value> found;
    std::string channel{arguments["channel"].text()};
    arguments.set("include_all_metadata", true).set("limit", 200);
    for (std::size_t page = 0; page < found_pages_max; ++page) {
        auto answer = co_await api_.call(method, arguments, channel, deadline);
        if (!answer && cannot_know(answer.error())) break;
        if (!answer) co_return pass(answer);
        auto ours = ours_among(*answer, about);
        found.insert(found.end(), std::make_move_iterator(ours.begin()), std::make_move_iterator(ours.end()));
        std::string cursor{(*answer)["response_metadata"]["next_cursor"].text()};
        if (cursor.empty()) break;
        arguments.set("cursor", cursor);
    }
    co_return found;
}

Later<std::vector<app::MessageRef>> Adapter::find_posted(core::RequestId request, const std::string& channel,
                                                         core::Instant since, Deadline deadline) {
    About about{.event = card_event, .id = request.text()};
    co_return co_await find(std::move(about), channel, since, deadline);
}

Later<std::vector<app::MessageRef>> Adapter::find(About about, const std::string& channel,
                                                  core::Instant since, Deadline deadline) {
    std::vector<app::MessageRef> refs;
    auto id = co_await channel_of(channel, deadline);
    if (!id && cannot_know(id.error())) co_return refs;
    if (!id) co_return pass(id);
    auto arguments = Value::object({{"channel", *id}, {"oldest", slack_ts(since - clocks_differ_max)}});
    auto found = co_await search(Method::history, std::move(arguments), std::move(about), deadline);
    if (!found) co_return pass(found);
    for (const Value& message : *found) refs.push_back({*id, std::string(message["ts"].text())});
    std::ranges::sort(refs, {}, &app::MessageRef::message);
    co_return refs;
}

Later<std::int32_t> Adapter::told_in_thread(const app::MessageRef& card, core::RequestId request,
                                            Deadline deadline) {
    auto arguments = Value::object({{"channel", card.channel}, {"ts", card.message}});
    About about{.event = line_event, .id = request.text()};
    auto found = co_await search(Method::replies, std::move(arguments), std::move(about), deadline);
    if (!found) co_return pass(found);
    constexpr auto most = static_cast<std::int64_t>(core::case_entries_max);
    std::int64_t told = 0;
    for (const Value& message : *found)
        told = std::max(told, message["metadata"]["event_payload"]["entry"].whole(-1) + 1);
    co_return static_cast<std::int32_t>(std::min(told, most));
}

}  // namespace

std::unique_ptr<Slack> make_slack(SlackSettings settings, const app::Runtime& runtime,
                                  app::Conversation::Parts parts, net::Dialer& dialer,
                                  rt::asio::any_io_executor executor) {
    return std::make_unique<Adapter>(std::move(settings), runtime, parts, dialer, std::move(executor));
}

}  // namespace countersign::slack
