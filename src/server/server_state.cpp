#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "countersign/app/checks.hpp"
#include "countersign/server/server.hpp"

// What a server says of itself: whether it is ready, what is wrong, and its numbers.
namespace countersign::server {
namespace {

// What is counted of pending requests, for metrics.
constexpr std::size_t pending_page = 200;
constexpr std::size_t pending_pages_max = 5;
constexpr core::Duration pending_poll = std::chrono::seconds{30};
constexpr core::Duration pending_patience = std::chrono::seconds{5};

}  // namespace

std::string Server::database_problem() const {
    if (!schema_seen_) return "not connected yet";
    return database_->problem();
}

std::string Server::schema_problem() const {
    bool fine = !schema_seen_ || schema_.state == pg::SchemaState::current ||
                schema_.state == pg::SchemaState::unreachable;
    return fine ? std::string{} : schema_.detail;
}

std::string Server::on_call_problem() {
    const auto directory = roster_.snapshot();
    const auto known = rota_ ? rota_->workspace() : nullptr;
    return app::problem_of(app::check_on_call(directory->policy(),
                                              {.asked = rota_ != nullptr,
                                               .people = known.get(),
                                               .problem = rota_ ? rota_->problem() : std::string{}},
                                              chats_.surfaces()));
}

std::vector<http::Readiness> Server::readiness() {
    std::vector<http::Readiness> all{
        {.problem = [this] { return database_problem(); }, .name = "database"},
        {.problem = [this] { return schema_problem(); }, .name = "schema"},
        {.problem = [this] { return std::string(draining_ ? "shutting down" : ""); }, .name = "server"}};
    all.push_back({.problem = [this] { return database_->warning(); },
                   .name = "durability",
                   .weight = http::Readiness::Weight::only_told});
    all.push_back({.problem = [this] { return publisher_->problem(); },
                   .name = "published log",
                   .weight = http::Readiness::Weight::only_told});
    all.push_back({.problem = [this] { return unannounced_.warning(); },
                   .name = "cards",
                   .weight = http::Readiness::Weight::only_told});
    all.push_back({.problem = [this] { return on_call_problem(); },
                   .name = "on call",
                   .weight = http::Readiness::Weight::only_told});
    all.push_back({.problem =
                       [this] {
                           return app::problem_of(app::check_sign_in(roster_.snapshot()->policy(),
                                                                     !settings_.login.issuer.empty()));
                       },
                   .name = "sign-in",
                   .weight = http::Readiness::Weight::only_told});
    if (witnesses_)
        all.push_back({.problem = [this] { return witnesses_->problem(); },
                       .name = "witnesses",
                       .weight = http::Readiness::Weight::only_told});
    if (daily_)
        all.push_back({.problem = [this] { return daily_->problem(); },
                       .name = "daily checkpoints",
                       .weight = http::Readiness::Weight::only_told});
    for (const auto& stream : streams_out_)
        all.push_back({.problem = [&its = *stream] { return its.problem(); },
                       .name = fmt::format("stream_out.{}", stream->kind()),
                       .weight = http::Readiness::Weight::only_told});
    if (connected_.empty())
        all.push_back({.problem =
                           [] {
                               return std::string{
                                   "none is set up: nobody is shown what waits, and votes come through the "
                                   "API alone"};
                           },
                       .name = "chats",
                       .weight = http::Readiness::Weight::only_told});
    for (const auto& chat : connected_)
        all.push_back({.problem = [&its = *chat] { return its.problem(); },
                       .name = std::string(core::name_of(chat->surface())),
                       .weight = http::Readiness::Weight::one_of_several});
    for (const auto& chat : connected_)
        all.push_back({.problem = [&its = *chat] { return join(its.notes(), "; "); },
                       .name = fmt::format("{} notes", core::name_of(chat->surface())),
                       .weight = http::Readiness::Weight::only_told});
    return all;
}

std::vector<http::Measure> Server::measures() {
    auto number = [](auto n) { return static_cast<double>(n); };
    std::vector<http::Measure> all{
        {"countersign_database_up", "Whether the database can be reached", "", "",
         number(schema_seen_ && database_->reachable())},
        {"countersign_database_writable", "Whether the database keeps what is written", "", "",
         number(database_problem().empty())},
        {"countersign_schema_current", "Whether the database has this version's schema", "", "",
         number(schema_seen_ && schema_.state == pg::SchemaState::current)},
        {"countersign_pending_requests", "Requests that wait for a decision; at most 1000 are counted", "",
         "", number(pending_)},
        {"countersign_pending_age_seconds", "Age of the oldest of them", "", "",
         oldest_pending_ ? std::chrono::duration<double>(ground_.clock.now() - *oldest_pending_).count()
                         : 0.0},
        {"countersign_policy_info", "The policy in force", "digest", roster_.snapshot()->policy().digest, 1}};
    if (traces_)
        all.push_back({"countersign_trace_spans_left_out", "Steps of traces that the collector did not get",
                       "", "", number(traces_->left_out())});
    for (const auto& stream : streams_out_) {
        all.push_back({"countersign_stream_out_behind_events",
                       "Events that wait to be streamed out from here", "stream", std::string(stream->kind()),
                       number(stream->behind())});
    }
    for (const auto& chat : connected_)
        all.push_back({"countersign_chat_connections", "Connections over which people are heard", "chat",
                       std::string(core::name_of(chat->surface())), number(chat->connections())});
    for (const auto& part : readiness())
        all.push_back({"countersign_part_ready", "Whether /readyz knows of no problem of this part", "part",
                       part.name, number(part.problem().empty())});
    return all;
}

rt::asio::awaitable<void> Server::watch_pending() {
    for (;;) {
        app::ListFilter filter;
        filter.states = {core::State::pending};
        filter.limit = pending_page;
        std::size_t count = 0;
        std::optional<core::Instant> oldest;
        Result<Done> read = Done{};
        for (std::size_t pages = 0; read && pages < pending_pages_max; ++pages) {
            auto page = co_await requests_.list(filter, Deadline{ground_.clock.now() + pending_patience});
            if (!page) {
                read = pass(page);
                break;
            }
            count += page->cases.size();
            if (!page->cases.empty()) oldest = page->cases.back()->c.request->created_at;
            if (!page->next_before) break;
            filter.before_number = page->next_before;
        }
        if (read) {
            pending_ = count;
            oldest_pending_ = oldest;
        }
        auto ec = co_await ground_.timers.sleep_until(ground_.clock.now() + pending_poll);
        if (ec) co_return;
    }
}

bool Server::ready() {
    const auto all = readiness();
    return std::ranges::all_of(all, [](const http::Readiness& part) {
        return part.weight == http::Readiness::Weight::only_told || part.problem().empty();
    });
}

std::vector<std::string> Server::problems() {
    std::vector<std::string> found;
    for (const auto& part : readiness()) {
        std::string problem = part.problem();
        if (!problem.empty()) found.push_back(fmt::format("{}: {}", part.name, problem));
    }
    return found;
}

}  // namespace countersign::server
