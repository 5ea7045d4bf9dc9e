#pragma once
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/world.hpp"
#include "countersign/adapters/pg.hpp"
#include "countersign/app/plan.hpp"
#include "countersign/base/text.hpp"
#include "fakes/people.hpp"
#include "fakes/references.hpp"
#include "fakes/shown.hpp"
#include "fakes/store.hpp"
#include "support/postgres.hpp"

// What the contract of the stores is proven on: both implementations, behind one face.
namespace countersign::contract {

using namespace std::chrono_literals;

// What the stores of tests seal with.
inline const Secret server_key{std::string(32, 'k')};

// Time that stands until it is moved; read by database threads too.
class HandClock final : public rt::Clock {
  public:
    core::Instant now() const override { return core::Instant{core::Duration{now_.load()}}; }
    void set(core::Instant at) { now_ = at.time_since_epoch().count(); }

  private:
    std::atomic<std::int64_t> now_ = core::testing::start.time_since_epoch().count();
};

struct Base {
    rt::asio::io_context io{1};
    HandClock clock;
    std::unique_ptr<rt::Entropy> entropy = rt::system_entropy();
    core::testing::World company;
    std::shared_ptr<const core::Directory> directory =
        std::make_shared<const core::Directory>(company.directory());  // as appends want it
    core::ProcessId self = core::ProcessId::mint(clock.now(), rt::chance(*entropy));

    template <class T>
    static rt::asio::awaitable<void> keep(Later<T> work, std::optional<Result<T>>& answer) {
        answer.emplace(co_await std::move(work));
    }
    // Runs everything given here side by side, and answers in order.
    template <class T>
    std::vector<Result<T>> all(std::vector<Later<T>> work) {
        std::vector<std::optional<Result<T>>> answers(work.size());
        for (std::size_t i = 0; i < work.size(); ++i) {
            rt::asio::co_spawn(io, keep(std::move(work[i]), answers[i]), rt::asio::detached);
        }
        io.restart();
        io.run();
        std::vector<Result<T>> results;
        for (auto& answer : answers) results.push_back(std::move(answer).value());
        return results;
    }
    template <class T>
    Result<T> get(Later<T> work) {
        std::vector<Later<T>> one;
        one.push_back(std::move(work));
        return std::move(all(std::move(one)).front());
    }

    Deadline soon() const { return {clock.now() + 1h}; }
    app::Lease lease(core::Duration length = 30s) const { return {self, clock.now() + length}; }
    app::Lease lease_of_another() {
        return {core::ProcessId::mint(clock.now(), rt::chance(*entropy)), clock.now() + 30s};
    }

    core::Request request() {
        core::Request asked = core::testing::request_of();
        asked.id = core::RequestId::mint(clock.now(), rt::chance(*entropy));
        asked.number = 0;
        asked.created_at = clock.now();
        asked.expires_at = clock.now() + 1h;
        asked.intent = "Monthly churn: \"a\\b\"\n{'x'} \xE2\x82\xAC";
        asked.labels = {{"job", "nightly"}};
        asked.links = {{"Run", "https://ci.example.com/1"}};
        asked.parameters =
            core::Value::object({{"rows", 1e20}, {"to", "s3://x"}, {"nul", std::string("a\0b", 3)}});
        asked.digest = core::digest_of(asked);
        return asked;
    }
    app::NewCase fresh(
        core::Applied applied = core::testing::requires_of({core::testing::asks({{2, "security"}})}),
        std::vector<app::CardTarget> cards = {{core::Surface::slack, "#approvals"}}) {
        core::Request asked = request();
        app::Opening opening = app::plan_opening(asked, applied, *directory, clock.now());
        return {.request = std::move(asked),
                .applied = std::move(applied),
                .opened = std::move(opening.opened),
                .ruling = std::move(opening.ruling),
                .cards = std::move(cards),
                .idempotency = {},
                .lease = lease()};
    }
    app::Append vote(core::RequestId request, const std::string& user,
                     core::Verdict verdict = core::Verdict::approve, std::string reason = "it's \"fine\"") {
        return {
            .request = request,
            .command =
                core::Cast{core::testing::slack(user), verdict, std::move(reason), core::Surface::slack, {}},
            .directory = directory,
            .age_max = 5h,
            .origin = app::Origin{"slack:" + user + ":C1:approve:" + std::to_string(++acts_)},
            .lease = lease()};
    }
    app::Append command(core::RequestId request, core::Command what) {
        return {.request = request,
                .command = std::move(what),
                .directory = directory,
                .age_max = 5h,
                .origin = {},
                .lease = lease()};
    }

    app::AdminEvent told(app::AdminAct act, const app::Token& token) {
        return app::token_event(act, token, "administrator", clock.now(), *entropy);
    }

  private:
    int acts_ = 0;
};

struct InMemory : Base {
    fakes::Store store{clock, *entropy};
    app::CaseStore& cases() { return store; }
    app::OutboxStore& outbox() { return store; }
    app::BatchStore& batches() { return store; }
    app::TokenStore& tokens() { return store; }
    app::SeenTokens& seen_tokens() { return store; }
    fakes::People persons;
    app::PeopleStore& people() { return persons; }
    fakes::References places;
    app::ReferenceStore& references() { return places; }
    fakes::ShownTo shown_to;
    app::ShownStore& shown() { return shown_to; }
    app::LinkCodeStore& link_codes() { return persons; }
    std::vector<std::string> people_events() { return persons.events; }
    app::EventLog& log() { return store; }
    std::vector<std::string> events_of(core::RequestId request) { return store.events_of(request); }
    std::vector<std::string> acts() {
        std::vector<std::string> types;
        for (const auto& act : store.acts()) types.emplace_back(name_of(act.act));
        return types;
    }
};

struct OnPostgres : Base {
    explicit OnPostgres(Secret migrated = support::postgres().fresh_database())
        : uri(std::move(migrated)), seen_as(support::as_app(uri)) {}
    OnPostgres(Secret migrated, Secret as) : uri(std::move(migrated)), seen_as(std::move(as)) {}
    Secret uri;      // as the owner of the tables
    Secret seen_as;  // the store's rights: of the application alone, unless told otherwise
    std::unique_ptr<pg::Database> database = pg::open_database(
        {.uri = seen_as, .server_keys = {server_key}, .pool = 6}, io.get_executor(), clock, *entropy);
    app::CaseStore& cases() { return database->cases(); }
    app::OutboxStore& outbox() { return database->outbox(); }
    app::BatchStore& batches() { return database->batches(); }
    app::TokenStore& tokens() { return database->tokens(); }
    app::SeenTokens& seen_tokens() { return database->seen_tokens(); }
    app::PeopleStore& people() { return database->people(); }
    app::ReferenceStore& references() { return database->references(); }
    app::ShownStore& shown() { return database->shown(); }
    app::LinkCodeStore& link_codes() { return database->link_codes(); }
    std::vector<std::string> people_events() { return acts(); }
    app::EventLog& log() { return database->events(); }
    std::vector<std::string> events_of(core::RequestId request) {
        return types("request_id = '" + hex(request.bytes()) + "'");
    }
    std::vector<std::string> acts() { return types("request_id IS NULL"); }
    std::string sql(const std::string& text) { return support::sql(uri, text); }

  private:
    std::vector<std::string> types(const std::string& where) {
        while (get(log().sequence(std::nullopt, soon())).value().more) continue;
        std::string joined = sql("SELECT string_agg(type, ',' ORDER BY index) FROM event WHERE " + where);
        return joined.empty() ? std::vector<std::string>{} : split(joined, ',');
    }
};

}  // namespace countersign::contract
