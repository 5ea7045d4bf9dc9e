#pragma once
#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "countersign/core/advance.hpp"

// Tests of the core share a small, fixed company: riley asks; amy and ben are security (a Slack usergroup),
// cat is dba, all four review. dan is in no group; guest, gone and bot are what their names say.
namespace countersign::core::testing {

using namespace std::chrono_literals;

inline const Instant start = *parse_rfc3339("2026-01-02T03:00:00Z");
inline constexpr Duration age_max = 5min;

inline AccountId slack(const std::string& user) {
    return chat_account(Surface::slack, "T0SIM", user);
}

struct World {
    Policy policy;
    Workspace workspace;
    std::vector<Directory::Link> links;
    std::vector<std::string> trusted_domains;
    std::vector<Absence> absences;
    Instant read_at = start;

    World() {
        auto person = [&](const char* name, const char* id) {
            policy.people.push_back({PersonId{name},
                                     {AccountId{std::string{"slack:"} + id},
                                      AccountId{std::string{"email:"} + name + "@example.com"}}});
        };
        person("riley", "U0RILEY");
        person("amy", "U0AMY");
        person("ben", "U0BEN");
        person("cat", "U0CAT");
        auto people = [](std::vector<const char*> names) {
            GroupRecord::People group;
            for (const char* name : names) group.people.emplace_back(name);
            return group;
        };
        policy.groups.push_back({GroupId{"reviewers"}, people({"amy", "ben", "cat", "riley"})});
        policy.groups.push_back({GroupId{"security"}, GroupRecord::InChat{Surface::slack, "S0SEC"}});
        policy.groups.push_back({GroupId{"dba"}, people({"cat"})});
        workspace.surface = "slack";
        workspace.id = "T0SIM";
        for (const char* id : {"U0RILEY", "U0AMY", "U0BEN", "U0CAT", "U0DAN"}) user(id, AccountClass::member);
        user("U0GUEST", AccountClass::guest);
        user("U0GONE", AccountClass::deleted);
        user("U0BOT", AccountClass::bot);
        user("U0STRANGER", AccountClass::foreign);
        usergroup("S0SEC", {"U0AMY", "U0BEN"});
    }
    void user(const std::string& id, AccountClass klass, std::optional<Instant> as_of = std::nullopt) {
        workspace.users.put(ChatUser{id, klass, "display " + id, "", as_of.value_or(read_at)});
    }
    void mail(const std::string& id, std::string address) {
        workspace.users.put(ChatUser{id, AccountClass::member, "display " + id, std::move(address), read_at});
    }
    void usergroup(const std::string& id, std::vector<std::string> members, bool enabled = true) {
        std::ranges::sort(members);
        workspace.groups[id] =
            std::make_shared<const ChatGroup>(ChatGroup{id, id, std::move(members), enabled, read_at});
    }
    Directory directory() const {
        return {std::make_shared<const Policy>(policy),
                {std::make_shared<const Workspace>(workspace)},
                std::make_shared<const Directory::Ties>(links, trusted_domains, absences)};
    }
    // Returns a directory that knows nothing of any chat.
    Directory offline() const { return {std::make_shared<const Policy>(policy), {}}; }
};

inline Slots asks(std::vector<std::pair<std::uint32_t, std::string>> counts) {
    Slots slots;
    for (auto& [count, group] : counts) slots.groups.push_back({count, GroupId{std::move(group)}});
    return slots;
}

inline Applied requires_of(std::vector<Slots> alternatives) {
    Applied applied;
    applied.kind = Applied::Kind::require;
    applied.rules = {"a rule"};
    applied.alternatives = std::move(alternatives);
    return applied;
}

inline Request request_of(std::vector<AccountId> on_behalf_of = {slack("U0RILEY")}) {
    Request request{
        RequestId{RequestId::Bytes{}}, 1042, "db.export", "orders", "production", "why",     {}, {},
        std::move(on_behalf_of),       {},   {},          "",       start,        start + 1h};
    request.requester.name = "ci";
    request.requester.account = AccountId{"token:tok_ci"};
    request.digest = digest_of(request);
    return request;
}

inline Applied prod_export() {
    return requires_of({asks({{2, "security"}, {1, "dba"}})});
}
inline Applied one_reviewer() {
    return requires_of({asks({{1, "reviewers"}})});
}

// Plays a case with a directory through `advance` alone.
struct Play {
    World world;
    Case c;
    Instant now = start;
    Step last{};

    explicit Play(Applied applied, Request request = request_of(), World in = {})
        : world(std::move(in)), c{std::move(request), std::move(applied), {}} {
        c.entries.emplace_back(opening(c.request, c.applied, world.directory(), now));
    }
    const Step& command(const Command& command) {
        last = advance(c, command, world.directory(), now, age_max);
        for (const Entry& entry : last.appended) c.entries.push_back(entry);
        return last;
    }
    const Step& cast(const std::string& user, Verdict verdict, std::string reason = "") {
        return command(Cast{user.find(':') == std::string::npos ? slack(user) : AccountId{user}, verdict,
                            std::move(reason), Surface::slack, c.request->digest});
    }
    const Step& approve(const std::string& user) { return cast(user, Verdict::approve); }
    State state() const { return decide(c).state; }
    std::optional<Why> why() const {
        if (!last.refusal) return std::nullopt;
        return last.refusal->why;
    }
    std::string said() const { return last.refusal ? last.refusal->sentence : ""; }
    // "amy:security cat:dba"
    std::string counted() const {
        std::string text;
        for (const VoteMark& vote : decide(c).votes)
            text += (text.empty() ? "" : " ") + vote.person.text() + ":" +
                    (vote.counted_for ? vote.counted_for->text() : "-");
        return text;
    }
    // "1 security|1 dba"
    std::string missing() const {
        std::string text;
        for (const Slots& slots : decide(c).missing) {
            if (!text.empty()) text += "|";
            for (const CountOf& one : slots.groups)
                text += (text.empty() || text.back() == '|' ? "" : "+") + std::to_string(one.count) +
                        one.of.text();
        }
        return text;
    }
};

}  // namespace countersign::core::testing
