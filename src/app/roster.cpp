#include "countersign/app/roster.hpp"

#include <algorithm>
#include <set>
#include <variant>

#include "countersign/base/check.hpp"
#include "countersign/base/text.hpp"
#include "countersign/core/groups.hpp"
#include "countersign/core/policy.hpp"

namespace countersign::app {

Roster::Roster(core::Duration age_max) : age_max_(age_max) {}

void Roster::add_source(core::Surface surface, AccountSource& source) {
    sources_.push_back({surface, &source});
    snapshot_.reset();
}

void Roster::set_on_call(AccountSource& source) {
    on_call_ = &source;
    snapshot_.reset();
}

void Roster::set_policy(std::shared_ptr<const core::Policy> policy) {
    COUNTERSIGN_CHECK(policy != nullptr);
    policy_ = std::move(policy);
    snapshot_.reset();
}

bool Roster::complete() const {
    return std::ranges::all_of(sources_,
                               [](const Source& one) { return one.source->workspace() != nullptr; });
}

void Roster::set_people(std::optional<PeopleNews> news, core::Instant now) {
    people_read_at_ = now;
    if (news && people_version_ && news->version < *people_version_) return;  // overtaken on its way
    if (news) {
        people_version_ = news->version;
        links_ = links_of(news->accounts);
        absences_ = std::move(news->absences);
    }
    if (news || (next_return_ && *next_return_ <= now)) retie(now);
}

void Roster::trust(std::vector<std::string> domains) {
    for (auto& domain : domains) domain = lower_ascii(domain);
    trusted_ = std::move(domains);
    retie(people_read_at_.value_or(core::Instant{}));
}

void Roster::retie(core::Instant now) {
    core::Directory::Ties ties{.links = links_, .trusted_domains = trusted_, .absences = {}};
    next_return_.reset();
    for (const auto& absence : absences_) {
        if (absence.until <= now) continue;
        ties.absences.push_back(absence);
        next_return_ = std::min(next_return_.value_or(absence.until), absence.until);
    }
    ties_ = std::make_shared<const core::Directory::Ties>(std::move(ties));
    snapshot_.reset();
}

std::shared_ptr<const core::Directory> Roster::snapshot() {
    COUNTERSIGN_CHECK(policy_ != nullptr);
    std::vector<std::shared_ptr<const core::Workspace>> now;
    now.reserve(sources_.size());
    for (const auto& source : sources_)
        if (auto workspace = source.source->workspace()) now.push_back(std::move(workspace));
    if (on_call_ != nullptr) now.push_back(on_call_->workspace());
    if (snapshot_ && now == built_from_) return snapshot_;
    built_from_ = now;
    snapshot_ = snapshot_ ? std::make_shared<const core::Directory>(snapshot_->with(std::move(now)))
                          : std::make_shared<const core::Directory>(policy_, std::move(now), ties_);
    return snapshot_;
}

std::vector<std::string> Roster::chat_groups(const std::vector<core::GroupId>& groups, const Source& source) {
    std::vector<std::string> ids;
    if (!policy_) return ids;
    auto workspace = source.source->workspace();
    for (const auto& record : policy_->groups) {
        const auto* kept = std::get_if<core::GroupRecord::InChat>(&record.members);
        const bool theirs = kept != nullptr && kept->chat == source.surface;
        if (!theirs || std::ranges::find(groups, record.name) == groups.end()) continue;
        auto slash = kept->id.find('/');
        if (slash == std::string::npos) {
            ids.push_back(kept->id);
        } else if (!workspace || kept->id.compare(0, slash, workspace->id) == 0) {
            ids.push_back(kept->id.substr(slash + 1));
        }
    }
    for (const core::GroupId& group : groups) {
        const auto kept = core::kept_manager(*snapshot(), group);
        if (!kept || kept->chat != source.surface) continue;
        const auto slash = kept->id.find('/');
        if (slash == std::string::npos || (workspace && kept->id.compare(0, slash, workspace->id) == 0))
            ids.push_back(slash == std::string::npos ? kept->id : kept->id.substr(slash + 1));
    }
    return ids;
}

std::vector<std::string> Roster::on_call_keys(const std::vector<core::GroupId>& groups) const {
    std::vector<std::string> keys;
    std::vector<core::GroupId> open = groups;
    std::set<core::GroupId> seen;
    while (policy_ && !open.empty()) {
        const core::GroupId group = std::move(open.back());
        open.pop_back();
        if (!seen.insert(group).second) continue;
        auto record =
            std::ranges::find(policy_->groups, core::group_before_not_from(group), &core::GroupRecord::name);
        if (record == policy_->groups.end()) continue;
        if (const auto* on_call = std::get_if<core::GroupRecord::OnCall>(&record->members)) {
            auto key = on_call->key();
            if (std::ranges::find(keys, key) == keys.end()) keys.push_back(std::move(key));
        }
        const auto* combined = std::get_if<core::GroupRecord::Combined>(&record->members);
        if (combined == nullptr) continue;
        for (const auto* parts : {&combined->of, &combined->except})
            for (const auto& part : *parts)
                if (const auto* of = std::get_if<core::GroupId>(&part)) open.push_back(*of);
    }
    return keys;
}

Later<Done> Roster::ensure_on_call(std::vector<core::GroupId> groups, core::Duration age, Deadline deadline) {
    if (on_call_ == nullptr) co_return Done{};
    auto keys = on_call_keys(groups);
    if (keys.empty()) co_return Done{};
    co_return co_await on_call_->refresh(std::nullopt, std::move(keys), age, deadline);
}

Later<Done> Roster::follow_on_call(Deadline deadline) {
    std::vector<core::GroupId> all;
    if (policy_)
        for (const auto& group : policy_->groups) all.push_back(group.name);
    co_return co_await ensure_on_call(std::move(all), std::min(on_call_age, age_max_), deadline);
}

Later<Done> Roster::ensure(core::AccountId account, std::vector<core::GroupId> groups, Deadline deadline) {
    Result<Done> worst = Done{};
    for (auto& source : sources_) {
        std::optional<core::AccountId> theirs;
        if (core::parts(account).kind == core::name_of(source.surface)) theirs = account;
        auto ids = chat_groups(groups, source);
        if (!theirs && ids.empty()) continue;
        auto refreshed =
            co_await source.source->refresh(std::move(theirs), std::move(ids), age_max_, deadline);
        if (!refreshed) worst = pass(refreshed);
    }
    auto on_call = co_await ensure_on_call(std::move(groups), age_max_, deadline);
    if (!on_call) worst = pass(on_call);
    co_return worst;
}

Later<Done> Roster::ensure_groups(std::vector<core::GroupId> groups, Deadline deadline) {
    Result<Done> worst = Done{};
    for (auto& source : sources_) {
        auto ids = chat_groups(groups, source);
        if (ids.empty()) continue;
        auto refreshed = co_await source.source->refresh(std::nullopt, std::move(ids), age_max_, deadline);
        if (!refreshed) worst = pass(refreshed);
    }
    auto on_call = co_await ensure_on_call(std::move(groups), age_max_, deadline);
    if (!on_call) worst = pass(on_call);
    co_return worst;
}

bool Roster::fresh(const core::AccountId& account, const std::vector<core::GroupId>& groups,
                   core::Instant now) {
    auto directory = snapshot();
    if (on_call_ != nullptr) {
        const auto known = on_call_->workspace();
        for (const auto& key : on_call_keys(groups)) {
            const auto its = known->groups.find(key);
            if (its == known->groups.end() || its->second->as_of < now - age_max_) return false;
        }
    }
    auto as_of = directory->as_of(directory->full(account), groups);
    return as_of && *as_of >= now - age_max_;
}

void Roster::remember(core::RequestId request, const core::Applied& applied) {
    auto [it, fresh] = remembered_.try_emplace(request);
    if (!fresh) return;
    auto groups = core::all_groups_of(applied);
    if (!newest_groups_ || *newest_groups_ != groups)
        newest_groups_ = std::make_shared<const std::vector<core::GroupId>>(std::move(groups));
    it->second = newest_groups_;
    remembered_order_.push_back(request);
    if (remembered_order_.size() <= remembered_max) return;
    remembered_.erase(remembered_order_.front());
    remembered_order_.pop_front();
}

const std::vector<core::GroupId>* Roster::remembered(core::RequestId request) const {
    auto it = remembered_.find(request);
    return it == remembered_.end() ? nullptr : it->second.get();
}

}  // namespace countersign::app
