#include <fmt/format.h>

#include <utility>

#include "countersign/adapters/teams.hpp"
#include "countersign/base/log.hpp"
#include "countersign/base/text.hpp"
#include "countersign/net/http_client.hpp"
#include "countersign/wire/teams_messages.hpp"
#include "teams/app_token.hpp"
#include "teams/clouds.hpp"
#include "teams/connector.hpp"
#include "teams/directory.hpp"
#include "teams/inbox.hpp"
#include "teams/references.hpp"
#include "teams/speech.hpp"
#include "teams/streaming_door.hpp"
#include "teams/token_check.hpp"

namespace countersign::teams {

using rt::asio::awaitable;

namespace {

constexpr core::Duration ask_within = std::chrono::seconds{10};
constexpr core::Duration ask_again_min = std::chrono::seconds{1};
constexpr core::Duration ask_again_max = std::chrono::minutes{5};
constexpr core::Duration look_again = std::chrono::minutes{10};
constexpr core::Duration finish_within = std::chrono::milliseconds{4'700};
constexpr core::Duration close_within = std::chrono::milliseconds{1'500};
constexpr net::HttpClientLimits limits{.body_bytes_max = Connector::answer_bytes_max};

class Adapter final : public Teams {
  public:
    Adapter(TeamsSettings settings, const app::Runtime& runtime, app::Conversation::Parts parts,
            app::ReferenceStore& references, net::Dialer& dialer, rt::asio::any_io_executor executor)
        : settings_(completed(std::move(settings))),
          runtime_(runtime),
          client_(net::make_http_client(dialer, runtime.clock, runtime.timers, executor, limits)),
          token_(settings_, *client_, runtime.clock, runtime.timers, runtime.entropy, executor),
          connector_(settings_, *client_, runtime.clock, runtime.timers, runtime.entropy, {token_, sockets_}),
          references_(settings_, connector_, references, runtime, executor),
          directory_(settings_, connector_, references_, runtime, parts.roster, executor),
          speech_(settings_, connector_, references_, directory_),
          tokens_(settings_, *client_, runtime.clock, runtime.timers, executor),
          inbox_(settings_, runtime,
                 {.tokens = tokens_, .references = references_, .directory = directory_, .speech = speech_},
                 parts, executor),
          streaming_(runtime, tokens_, inbox_, sockets_, executor),
          tasks_(executor, 4, rt::report_bug) {}

    core::Surface surface() const override { return core::Surface::teams; }
    const std::string& default_channel() const override { return settings_.channel; }
    std::vector<net::Route> routes() override;
    awaitable<void> run() override;
    std::string problem() const override;

    Later<app::MessageRef> post(const core::CardView& card, const std::string& channel,
                                Deadline deadline) override {
        return speech_.post(card, channel, deadline);
    }
    Later<Done> refresh(const app::MessageRef& message, const core::CardView& card,
                        Deadline deadline) override {
        return speech_.refresh(message, card, deadline);
    }
    Later<Done> retire(const app::MessageRef& message, const core::CardView& card,
                       Deadline deadline) override {
        return speech_.retire(message, card, deadline);
    }
    Later<Done> say(const app::MessageRef& card, const core::ThreadLine& line, app::LineMark,
                    Deadline deadline) override {
        return speech_.say(card, line, deadline);
    }
    // A bot cannot read what it said: whether a card or a line is there cannot be known.
    Later<std::vector<app::MessageRef>> find_posted(core::RequestId, const std::string&, core::Instant,
                                                    Deadline) override {
        co_return std::vector<app::MessageRef>{};
    }
    Later<std::int32_t> told_in_thread(const app::MessageRef&, core::RequestId, Deadline) override {
        co_return 0;
    }
    void on_acknowledged(std::function<void(core::Duration)> told) override {
        inbox_.on_acknowledged(std::move(told));
    }
    void remember(const app::MessageRef& message) override { inbox_.knows_card(message); }

    Later<Done> announce(std::string words, std::string raw, const std::string& channel,
                         Deadline deadline) override {
        return speech_.announce(std::move(words), std::move(raw), channel, deadline);
    }
    Later<Done> confide(core::AccountId to, app::Confidence what, Deadline deadline) override;
    Later<std::optional<core::Refusal>> ask_vote(app::VoteAsked asked, Deadline deadline) override;

    std::shared_ptr<const core::Workspace> workspace() const override { return directory_.workspace(); }
    Later<Done> refresh(std::optional<core::AccountId> account, std::vector<std::string> groups,
                        core::Duration age_max, Deadline deadline) override {
        return directory_.refresh(std::move(account), std::move(groups), age_max, deadline);
    }

  private:
    awaitable<void> keep_connected();
    Later<Done> tell(core::AccountId to, wire::TeamsCard said, Deadline deadline);

    TeamsSettings settings_;
    const app::Runtime& runtime_;
    std::unique_ptr<net::HttpClient> client_;
    AppToken token_;
    Sockets sockets_;
    Connector connector_;
    References references_;
    TeamsDirectory directory_;
    Speech speech_;
    TokenCheck tokens_;
    Inbox inbox_;
    StreamingDoor streaming_;
    rt::TaskGroup tasks_;
    bool reached_ = false;
};

std::vector<net::Route> Adapter::routes() {
    auto answer = [this](net::HttpExchange& exchange, const net::PathArguments&) {
        return inbox_.receive(exchange);
    };
    std::vector<net::Route> all;
    all.push_back({.method = "POST", .path = "/api/messages", .answer = answer});
    auto open = [this](net::HttpExchange& exchange, const net::PathArguments&) {
        return streaming_.open(exchange);
    };
    if (settings_.streaming) all.push_back({.method = "GET", .path = "/api/messages", .answer = open});
    return all;
}

std::string Adapter::problem() const {
    if (!token_.problem().empty()) return token_.problem();
    if (!reached_) return "no token for Teams was asked for yet";
    if (directory_.home().empty())
        return "teams.tenant: not set, and nothing was heard from teams.channel yet: say something to the "
               "bot there";
    return {};
}

// Activities come by themselves; that we can answer is worth knowing before one does.
awaitable<void> Adapter::keep_connected() {
    core::Duration wait = ask_again_min;
    for (;;) {
        if (directory_.home().empty()) {
            auto tenant = co_await references_.tenant_of(settings_.channel, runtime_.within(ask_within));
            directory_.home_is(std::move(tenant));
        }
        auto token = co_await token_.get(runtime_.within(ask_within));
        if (token && !reached_) log::info("teams", "the bot {} has its token", settings_.app_id);
        reached_ = reached_ || token.has_value();
        wait = token ? core::Duration{look_again} : std::min<core::Duration>(wait * 2, ask_again_max);
        if (directory_.home().empty()) wait = std::min<core::Duration>(wait, std::chrono::seconds{30});
        auto cancelled = co_await runtime_.timers.sleep_until(runtime_.now() + wait);
        if (cancelled) co_return;
    }
}

awaitable<void> Adapter::run() {
    tasks_.start_loop("teams token", keep_connected());
    tasks_.start("teams directory", directory_.keep_warm());
    co_await rt::until_asked();
    // What was pressed is answered before this ends.
    co_await inbox_.finish(runtime_.now() + finish_within);
    co_await streaming_.stop(runtime_.now() + close_within);
    co_await directory_.stop(runtime_.now() + close_within);
    co_await tasks_.end(runtime_.timers, runtime_.now() + close_within);
    co_await references_.stop(runtime_.now() + close_within);
}

Later<Done> Adapter::tell(core::AccountId to, wire::TeamsCard said, Deadline deadline) {
    auto whom = core::parts(to);
    const bool ours = whom.kind == core::name_of(core::Surface::teams) && !directory_.home().empty() &&
                      lower_ascii(whom.workspace) == directory_.home();
    if (!ours) co_return fail(Trouble::not_found, "this account is of another tenant");
    co_return co_await speech_.tell(lower_ascii(whom.id), said, deadline);
}

Later<Done> Adapter::confide(core::AccountId to, app::Confidence what, Deadline deadline) {
    auto said = what.offer ? wire::teams_question(what.lines, "link", what.offer->text())
                           : wire::teams_lines(what.lines);
    co_return co_await tell(std::move(to), std::move(said), deadline);
}

Later<std::optional<core::Refusal>> Adapter::ask_vote(app::VoteAsked asked, Deadline deadline) {
    auto account = asked.account;
    auto question = co_await inbox_.question_of_vote(std::move(asked), deadline);
    if (!question) co_return pass(question);
    if (auto* refusal = std::get_if<core::Refusal>(&*question)) co_return std::optional{std::move(*refusal)};
    auto said = std::move(std::get<wire::TeamsCard>(*question));
    auto told = co_await tell(std::move(account), std::move(said), deadline);
    if (!told) co_return pass(told);
    co_return std::optional<core::Refusal>{};
}

}  // namespace

std::unique_ptr<Teams> make_teams(TeamsSettings settings, const app::Runtime& runtime,
                                  app::Conversation::Parts parts, app::ReferenceStore& references,
                                  net::Dialer& dialer, rt::asio::any_io_executor executor) {
    return std::make_unique<Adapter>(std::move(settings), runtime, parts, references, dialer,
                                     std::move(executor));
}

}  // namespace countersign::teams
