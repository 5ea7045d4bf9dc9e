#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "countersign/adapters/on_call.hpp"
#include "countersign/base/log.hpp"
#include "countersign/base/text.hpp"
#include "countersign/rt/signal.hpp"
#include "on_call/answer.hpp"

namespace countersign::on_call {
namespace {

constexpr std::size_t pages_max = 10;

class PagerDuty final : public Rota {
  public:
    PagerDuty(Service service, Parts parts)
        : service_(std::move(service)), parts_(parts), read_(parts.executor) {
        core::Workspace nobody;
        nobody.surface = core::on_call_service;
        known_ = std::make_shared<const core::Workspace>(std::move(nobody));
    }

    std::shared_ptr<const core::Workspace> workspace() const override { return known_; }
    Later<Done> refresh(std::optional<core::AccountId> account, std::vector<std::string> groups,
                        core::Duration age_max, Deadline deadline) override;
    std::string problem() const override;

  private:
    Later<Done> refresh_one(std::string key, core::Duration age_max, Deadline deadline);
    Later<Done> ask(std::string key, Deadline deadline);
    Later<std::vector<std::string>> users_of(core::GroupRecord::OnCall asked, core::Instant now,
                                             Deadline deadline);
    Later<net::HttpResponse> get(std::string question, Deadline deadline);
    void keep(const std::string& key, std::vector<std::string> users, core::Instant as_of);
    bool young(const std::string& key, core::Duration age_max) const;

    Service service_;
    Parts parts_;
    std::shared_ptr<const core::Workspace> known_;
    rt::Signal read_;
    std::set<std::string> under_way_;
    std::map<std::string, core::Instant> tried_;   // when a question last failed
    std::map<std::string, std::string> problems_;  // by question
};

std::unexpected<Failure> refused(unsigned status) {
    if (status == 401 || status == 403)
        return fail(
            Trouble::unavailable,
            fmt::format("it refuses the API key ({}): give `on_call.token` one that may read", status));
    if (status == 404 || status == 400)
        return fail(Trouble::unavailable,
                    fmt::format("it knows no such escalation policy or schedule ({})", status));
    if (status == 429) return fail(Trouble::unavailable, "it is asked too often (429)");
    return fail(Trouble::unavailable, fmt::format("it answered {}", status));
}

bool PagerDuty::young(const std::string& key, core::Duration age_max) const {
    auto found = known_->groups.find(key);
    return found != known_->groups.end() && found->second->as_of >= parts_.clock.now() - age_max;
}

void PagerDuty::keep(const std::string& key, std::vector<std::string> users, core::Instant as_of) {
    auto next = std::make_shared<core::Workspace>(*known_);
    next->groups[key] =
        std::make_shared<const core::ChatGroup>(core::ChatGroup{key, key, std::move(users), true, as_of});
    known_ = std::move(next);
}

Later<net::HttpResponse> PagerDuty::get(std::string question, Deadline deadline) {
    net::HttpRequest request{
        .method = "GET", .target = service_.url.target + question, .fields = {}, .body = {}, .peer = {}};
    request.fields.add("Accept", "application/vnd.pagerduty+json;version=2");
    request.fields.add("Authorization", "Token token=" + std::string(service_.token.reveal()));
    auto answer = co_await parts_.client.send(service_.url, std::move(request), deadline);
    if (!answer) co_return fail(Trouble::unavailable, answer.error().detail);
    if (answer->status != 200) co_return refused(answer->status);
    co_return std::move(*answer);
}

Later<std::vector<std::string>> PagerDuty::users_of(core::GroupRecord::OnCall asked, core::Instant now,
                                                    Deadline deadline) {
    std::vector<std::string> users;
    std::size_t offset = 0;
    for (std::size_t pages = 0; pages < pages_max; ++pages) {
        auto answer = co_await get(question(asked, offset), deadline);
        if (!answer) co_return pass(answer);
        auto page = read_page(answer->body, asked, now);
        if (!page) co_return pass(page);
        users.insert(users.end(), page->users.begin(), page->users.end());
        offset += page->entries;
        if (!page->more || page->entries == 0) {
            std::ranges::sort(users);
            auto repeated = std::ranges::unique(users);
            users.erase(repeated.begin(), repeated.end());
            if (users.size() <= users_max) co_return users;
            break;
        }
    }
    co_return fail(Trouble::unavailable, "more people are on call than can be read");
}

Later<Done> PagerDuty::ask(std::string key, Deadline deadline) {
    struct Flight {
        PagerDuty& self;
        const std::string& key;
        ~Flight() {
            self.under_way_.erase(key);
            self.read_.notify_all();
        }
    } flight{*this, key};
    under_way_.insert(key);
    auto asked = read_key(key);
    if (!asked) co_return fail(Trouble::invalid_input, "there is no such question");
    const auto now = parts_.clock.now();
    auto users =
        co_await users_of(std::move(*asked), now, Deadline{std::min(deadline.at, now + call_within)});
    if (users) {
        if (problems_.erase(key) > 0) log::info("on_call", "{} can be read again", key);
        tried_.erase(key);
        keep(key, std::move(*users), now);
        co_return Done{};
    }
    const auto why = fmt::format("who is on call ({}) cannot be read from {}: {}", key, service_.url.host,
                                 visible(users.error().detail));
    if (problems_[key] != why) log::warn("on_call", "{}", why);
    problems_[key] = why;
    tried_[key] = parts_.clock.now();
    co_return fail(Trouble::unavailable, why);
}

Later<Done> PagerDuty::refresh_one(std::string key, core::Duration age_max, Deadline deadline) {
    while (!young(key, age_max)) {
        if (under_way_.contains(key)) {
            const bool woken = co_await read_.wait_until(parts_.timers, deadline.at);
            if (!woken) co_return fail(Trouble::unavailable, "the on-call service takes too long");
            continue;
        }
        auto tried = tried_.find(key);
        if (tried != tried_.end() && parts_.clock.now() < tried->second + pause)
            co_return fail(Trouble::unavailable, problems_[key]);
        auto asked = co_await ask(key, deadline);
        if (!asked) co_return pass(asked);
    }
    co_return Done{};
}

Later<Done> PagerDuty::refresh(std::optional<core::AccountId>, std::vector<std::string> groups,
                               core::Duration age_max, Deadline deadline) {
    Result<Done> worst = Done{};
    for (auto& key : groups) {
        auto refreshed = co_await refresh_one(std::move(key), age_max, deadline);
        if (!refreshed) worst = pass(refreshed);
    }
    co_return worst;
}

std::string PagerDuty::problem() const {
    return problems_.empty() ? std::string{} : problems_.begin()->second;
}

}  // namespace

std::unique_ptr<Rota> make_pagerduty(Service service, Parts parts) {
    return std::make_unique<PagerDuty>(std::move(service), std::move(parts));
}

}  // namespace countersign::on_call
