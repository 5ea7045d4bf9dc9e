#include <fmt/core.h>

#include <algorithm>

#include "countersign/adapters/policy_tests.hpp"
#include "countersign/base/text.hpp"
#include "countersign/core/account_text.hpp"
#include "countersign/core/groups.hpp"
#include "policy/files.hpp"
#include "policy/reader.hpp"

namespace countersign {
namespace policy {
namespace {

// Finds the deepest node on the way to a JSON Pointer.
const Node& at_pointer(const Node& root, std::string_view pointer) {
    const Node* at = &root;
    for (const std::string& name : split(pointer, '/')) {
        if (name.empty()) continue;
        const Node* next = nullptr;
        if (at->kind == Node::Kind::map) next = NodeReader::find(*at, name);
        if (at->kind == Node::Kind::list && name.find_first_not_of("0123456789") == std::string::npos &&
            name.size() < 6 && std::stoul(name) < at->items.size())
            next = &at->items[std::stoul(name)];
        if (!next) break;
        at = next;
    }
    return *at;
}

class TestReader {
  public:
    TestReader(const core::Policy& policy, NodeReader& reader) : policy_(policy), reader_(reader) {
        for (const core::PersonRecord& person : policy.people) people_.push_back(person.name.text());
        for (const core::GroupRecord& group : policy.groups) groups_.push_back(group.name.text());
        for (const core::Rule& rule : policy.rules) rules_.push_back(rule.name);
    }

    std::optional<PolicyTest> read(const Node& node);

  private:
    std::optional<WordedRequest> read_request(const Node& node);
    void read_groups(const Node& node, PolicyTest& test);
    void read_history(const Node& node, PolicyTest::Before& before);
    void read_last(const Node& node, PolicyTest::Before& before);
    void read_managers(const Node& node, core::Assumed& assumed);
    std::optional<PolicyTest::Vote> read_vote(const Node& node);
    void read_expected(const Node& node, PolicyTest::Expected& expected);
    void read_outcome(const Node& node, PolicyTest::Expected& expected);
    void read_nudges(const Node& node, PolicyTest::Expected& expected);
    std::optional<std::vector<std::string>> texts_or_none(const Node& node, const char* key,
                                                          std::string_view what);
    void read_counted(const Node& node, PolicyTest::Expected& expected);
    std::optional<std::vector<PolicyTest::Lack>> read_lacks(const Node& list);
    std::optional<PolicyTest::Lack> read_lack(const Node& node);
    std::optional<core::AccountId> somebody(const Node& at, const std::string& text);
    bool is_group(const Node& at, const std::string& name);

    const core::Policy& policy_;
    NodeReader& reader_;
    std::vector<std::string> people_;
    std::vector<std::string> groups_;
    std::vector<std::string> rules_;
};

std::optional<core::AccountId> TestReader::somebody(const Node& at, const std::string& text) {
    auto account = core::account_meant(policy_, text);
    if (!account)
        reader_.error(at, fmt::format("`{}` is neither a person of this policy nor an account{}; write a "
                                      "name of `people:`, a chat id like U0AMY, or slack:U0AMY",
                                      visible(text), NodeReader::hint(text, people_)));
    return account;
}

bool TestReader::is_group(const Node& at, const std::string& name) {
    const std::string plain = core::group_before_not_from(core::GroupId{name}).text();
    if (std::ranges::find(groups_, plain) != groups_.end()) return true;
    constexpr std::string_view alone = " alone";
    if (plain.ends_with(alone) &&
        std::ranges::find(people_, plain.substr(0, plain.size() - alone.size())) != people_.end())
        return true;
    reader_.error(at,
                  fmt::format("there is no group `{}`{}", visible(name), NodeReader::hint(name, groups_)));
    return false;
}

std::optional<WordedRequest> TestReader::read_request(const Node& node) {
    auto body = value_of(reader_, node);
    if (!body) return std::nullopt;
    auto worded = worded_request(std::move(*body));
    Result<Done> known = Done{};
    if (worded)
        known = core::read_people(worded->request.on_behalf_of, policy_);
    else
        known = pass(worded);
    if (known) return std::move(*worded);
    const Failure& wrong = known.error();
    reader_.error(
        at_pointer(node, wrong.pointer),
        fmt::format("`request`{}: {}", wrong.pointer.empty() ? "" : " " + wrong.pointer, wrong.detail));
    return std::nullopt;
}

void TestReader::read_groups(const Node& node, PolicyTest& test) {
    if (!reader_.is_map(node, "`groups`")) return;
    for (std::size_t i = 0; i < node.keys.size(); ++i) {
        const std::string& name = node.keys[i].text;
        if (!is_group(node.keys[i], name)) continue;
        auto record = std::ranges::find(policy_.groups, core::GroupId{name}, &core::GroupRecord::name);
        if (!core::kept_elsewhere(*record)) {
            reader_.error(
                node.keys[i],
                fmt::format("the policy itself lists the people of `{}`; a test may only say who is "
                            "in a group kept in a chat",
                            name));
            continue;
        }
        core::Assumed::Group group{core::GroupId{name}, {}};
        if (node.items[i].kind == Node::Kind::list && node.items[i].items.empty()) {
            test.assumed.groups.push_back(std::move(group));
            continue;
        }
        for (const std::string& member : reader_.texts(node.items[i], "a member"))
            if (somebody(node.items[i], member)) group.members.push_back(member);
        test.assumed.groups.push_back(std::move(group));
    }
}

void TestReader::read_history(const Node& node, PolicyTest::Before& before) {
    if (!reader_.is_map_of(node, "`history`", history_keys.keys)) return;
    if (node.keys.empty()) reader_.error(node, "`history` must say something: { spent: [a rule's name] }");
    if (const Node* spent = NodeReader::find(node, "spent")) {
        before.spent = reader_.texts(*spent, "a rule's name");
        for (const std::string& name : before.spent) {
            auto rule = std::ranges::find(policy_.rules, name, &core::Rule::name);
            if (rule == policy_.rules.end())
                reader_.error(*spent, fmt::format("there is no rule `{}`{}", visible(name),
                                                  NodeReader::hint(name, rules_)));
            else if (rule->budgets.empty())
                reader_.error(*spent, fmt::format("rule `{}` has no `budget`", visible(name)));
        }
    }
    if (const Node* ahead = NodeReader::find(node, "ahead")) {
        auto value = scalar_value(*ahead);
        before.ahead = value && value->truth();
        if (!before.ahead) reader_.error(*ahead, "`ahead` can only be true");
    }
    if (const Node* last = NodeReader::find(node, "last")) read_last(*last, before);
}

void TestReader::read_managers(const Node& node, core::Assumed& assumed) {
    if (!reader_.is_map(node, "`managers`")) return;
    for (std::size_t i = 0; i < node.keys.size(); ++i) {
        const std::string& person = node.keys[i].text;
        if (std::ranges::find(people_, person) == people_.end())
            reader_.error(node.keys[i], fmt::format("there is no person `{}`{}", visible(person),
                                                    NodeReader::hint(person, people_)));
        auto manager = reader_.text(node.items[i], "a manager");
        if (manager && somebody(node.items[i], *manager))
            assumed.managers.emplace_back(core::PersonId{person}, std::move(*manager));
    }
}

void TestReader::read_last(const Node& node, PolicyTest::Before& before) {
    if (!reader_.is_map(node, "`last`")) return;
    for (std::size_t i = 0; i < node.keys.size(); ++i) {
        if (!is_group(node.keys[i], node.keys[i].text)) continue;
        for (const std::string& name : reader_.texts(node.items[i], "a person"))
            if (auto account = somebody(node.items[i], name))
                before.last[node.keys[i].text].push_back(std::move(*account));
    }
}

std::optional<PolicyTest::Vote> TestReader::read_vote(const Node& node) {
    if (!reader_.is_map_of(node, "a vote", vote_keys.keys)) return std::nullopt;
    const Node* by = NodeReader::find(node, "by");
    const Node* verdict = NodeReader::find(node, "verdict");
    if (!by || !verdict) {
        reader_.error(node, "a vote needs `by` and `verdict`: { by: amy, verdict: approve }");
        return std::nullopt;
    }
    auto name = reader_.text(*by, "`by`");
    auto word = reader_.text(*verdict, "`verdict`");
    if (!name || !word) return std::nullopt;
    auto account = somebody(*by, *name);
    auto parsed = core::parse_verdict(*word);
    if (!parsed)
        reader_.error(*verdict, fmt::format("`{}` is no verdict{}; write one of {}", visible(*word),
                                            NodeReader::hint(*word, core::verdict_names()),
                                            join(core::verdict_names(), ", ")));
    if (!account || !parsed) return std::nullopt;
    if (*parsed == core::Verdict::lower) {
        reader_.error(*verdict,
                      "a test cannot `lower`: that makes another request, which is a test of its own");
        return std::nullopt;
    }
    PolicyTest::Vote vote{std::move(*name), std::move(*account), *parsed, {}, {}, {}};
    if (const Node* reason = NodeReader::find(node, "reason"))
        vote.reason = reader_.text(*reason, "`reason`").value_or("");
    if (const Node* after = NodeReader::find(node, "after"))
        vote.after = reader_.duration(*after, "`after`").value_or(core::Duration{});
    if (const Node* refused = NodeReader::find(node, "refused"))
        vote.refused = reader_.text(*refused, "`refused`");
    if (const Node* resource = NodeReader::find(node, "resource"))
        vote.resource = reader_.text(*resource, "`resource`").value_or("");
    if (const Node* sign_in = NodeReader::find(node, "sign_in")) {
        auto value = scalar_value(*sign_in);
        vote.sign_in = value && value->truth();
        if (!vote.sign_in) reader_.error(*sign_in, "`sign_in` can only be true");
    }
    return vote;
}

std::optional<PolicyTest::Lack> TestReader::read_lack(const Node& node) {
    if (!reader_.is_map_of(node, "what is missing", lack_keys.keys)) return std::nullopt;
    const Node* of = NodeReader::find(node, "of");
    if (!of) of = NodeReader::find(node, "group");
    if (!of) {
        reader_.error(node, "what is missing names a group: { count: 1, of: security }");
        return std::nullopt;
    }
    auto group = reader_.text(*of, "a group");
    if (!group || !is_group(*of, *group)) return std::nullopt;
    PolicyTest::Lack lack{std::move(*group), 1, {}};
    if (const Node* count = NodeReader::find(node, "count")) lack.count = reader_.count(*count).value_or(1);
    if (const Node* people = NodeReader::find(node, "could_approve")) {
        lack.could_approve.emplace();
        if (people->kind != Node::Kind::list || !people->items.empty())
            lack.could_approve = reader_.texts(*people, "a person");
        std::ranges::sort(*lack.could_approve);
    }
    return lack;
}

std::optional<std::vector<PolicyTest::Lack>> TestReader::read_lacks(const Node& list) {
    if (list.kind != Node::Kind::list) {
        reader_.error(list, "`missing` takes a list: [{ count: 1, of: security }], or { any: [[…], […]] }");
        return std::nullopt;
    }
    std::vector<PolicyTest::Lack> lacks;
    for (const Node& item : list.items)
        if (auto lack = read_lack(item)) lacks.push_back(std::move(*lack));
    return lacks;
}

void TestReader::read_counted(const Node& node, PolicyTest::Expected& expected) {
    if (!reader_.is_map(node, "`counted`")) return;
    for (std::size_t i = 0; i < node.keys.size(); ++i) {
        auto group = reader_.text(node.items[i], "a group");
        if (group && is_group(node.items[i], *group)) expected.counted[node.keys[i].text] = *group;
    }
}

void TestReader::read_outcome(const Node& node, PolicyTest::Expected& expected) {
    if (const Node* state = NodeReader::find(node, "state")) {
        auto word = reader_.text(*state, "`state`");
        if (word) expected.state = core::parse_state(*word);
        if (word && !expected.state)
            reader_.error(*state, fmt::format("`{}` is no state{}", visible(*word),
                                              NodeReader::hint(*word, {"pending", "approved", "denied",
                                                                       "refused", "expired", "lapsed"})));
    }
    if (const Node* reason = NodeReader::find(node, "reason"))
        expected.reason = reader_.text(*reason, "`reason`");
    if (const Node* held = NodeReader::find(node, "held")) {
        auto value = reader_.scalar(*held, "`held`");
        if (value && value->string()) expected.held = *value->string();
        if (value && value->boolean() && !value->truth()) expected.held.emplace();
        if (value && !expected.held) reader_.error(*held, "`held` is a person, or false");
    }
}

void TestReader::read_nudges(const Node& node, PolicyTest::Expected& expected) {
    if (const Node* reminded = NodeReader::find(node, "reminded")) {
        auto value = reader_.scalar(*reminded, "`reminded`");
        if (value) expected.reminded = value->integer();
        if (value && !expected.reminded) reader_.error(*reminded, "`reminded` is how often, a whole number");
    }
    expected.escalated = texts_or_none(node, "escalated", "a channel");
}

// A list of texts, sorted, or false for none; nullopt: not said.
std::optional<std::vector<std::string>> TestReader::texts_or_none(const Node& node, const char* key,
                                                                  std::string_view what) {
    const Node* list = NodeReader::find(node, key);
    if (!list) return std::nullopt;
    auto value = list->kind == Node::Kind::scalar ? scalar_value(*list) : std::nullopt;
    if (value && value->boolean()) {
        if (value->truth()) reader_.error(*list, fmt::format("`{}` is a list, or false", key));
        return std::vector<std::string>{};
    }
    auto all = reader_.texts(*list, what);
    std::ranges::sort(all);
    return all;
}

void TestReader::read_expected(const Node& node, PolicyTest::Expected& expected) {
    if (!reader_.is_map_of(node, "`expect`", expect_keys.keys)) return;
    if (node.keys.empty()) reader_.error(node, "`expect` must say something: { state: pending }");
    read_outcome(node, expected);
    read_nudges(node, expected);
    expected.hidden = texts_or_none(node, "hidden", "a JSON Pointer");
    expected.shadow = texts_or_none(node, "shadow", "a rule's name");
    if (const Node* rules = NodeReader::find(node, "rules")) {
        expected.rules.emplace();
        const bool none = rules->kind == Node::Kind::list && rules->items.empty();
        if (!none) expected.rules = reader_.texts(*rules, "a rule's name");
        for (const std::string& rule : *expected.rules)
            if (std::ranges::find(rules_, rule) == rules_.end())
                reader_.error(*rules, fmt::format("there is no rule `{}`{}", visible(rule),
                                                  NodeReader::hint(rule, rules_)));
    }
    if (const Node* missing = NodeReader::find(node, "missing")) {
        expected.missing.emplace();
        const Node* any = NodeReader::find(*missing, "any");
        if (any && any->kind == Node::Kind::list) {
            reader_.is_map_of(*missing, "`missing`", missing_keys.keys);
            for (const Node& one : any->items)
                if (auto lacks = read_lacks(one)) expected.missing->push_back(std::move(*lacks));
        } else if (auto lacks = read_lacks(*missing); lacks && !lacks->empty()) {
            expected.missing->push_back(std::move(*lacks));
        }
    }
    if (const Node* counted = NodeReader::find(node, "counted")) read_counted(*counted, expected);
    if (const Node* risk = NodeReader::find(node, "risk")) {
        auto value = reader_.scalar(*risk, "`risk`");
        if (value) expected.risk = value->integer();
        if (value && !expected.risk) reader_.error(*risk, "`risk` is a whole number of points");
    }
    if (const Node* expires = NodeReader::find(node, "expires"))
        expected.expires = reader_.duration(*expires, "`expires`");
    if (const Node* grant = NodeReader::find(node, "grant"))
        expected.grant = reader_.duration(*grant, "`grant`");
    if (const Node* after = NodeReader::find(node, "after"))
        expected.after = reader_.duration(*after, "`after`");
}

std::optional<PolicyTest> TestReader::read(const Node& node) {
    if (!reader_.is_map_of(node, "a test", policy_test_keys.keys)) return std::nullopt;
    const Node* name = NodeReader::find(node, "name");
    const Node* request = NodeReader::find(node, "request");
    const Node* expect = NodeReader::find(node, "expect");
    if (!name || !request || !expect) {
        reader_.error(node, "a test needs `name`, `request` and `expect`");
        return std::nullopt;
    }
    auto text = reader_.text(*name, "`name`");
    auto worded = read_request(*request);
    if (!text || !worded) return std::nullopt;
    PolicyTest test{.file = reader_.file(),
                    .line = node.line,
                    .name = printable(*text),
                    .worded = std::move(*worded),
                    .assumed = {},
                    .before = {},
                    .votes = {},
                    .expected = {}};
    if (const Node* groups = NodeReader::find(node, "groups")) read_groups(*groups, test);
    if (const Node* managers = NodeReader::find(node, "managers")) read_managers(*managers, test.assumed);
    if (const Node* history = NodeReader::find(node, "history")) read_history(*history, test.before);
    if (const Node* votes = NodeReader::find(node, "votes")) {
        if (votes->kind != Node::Kind::list) reader_.error(*votes, "`votes` must be a list");
        if (votes->items.size() > policy_test_votes_max)
            reader_.error(*votes, fmt::format("a test has at most {} votes", policy_test_votes_max));
        for (const Node& one : votes->items) {
            auto vote = read_vote(one);
            if (!vote) continue;
            // Said in order: what comes later in the list does not happen earlier.
            if (!test.votes.empty()) vote->after = std::max(vote->after, test.votes.back().after);
            test.votes.push_back(std::move(*vote));
        }
    }
    read_expected(*expect, test.expected);
    return test;
}

}  // namespace

std::vector<core::Request> tested_requests(const Document& document, const core::Policy& policy) {
    std::vector<core::Request> requests;
    const Node* list = NodeReader::find(document.root, "tests");
    if (!list) return requests;
    std::vector<PolicyFinding> told_elsewhere;
    Findings findings{told_elsewhere};
    NodeReader reader{document.file, findings};
    TestReader test_reader{policy, reader};
    for (const Node& node : list->items) {
        if (requests.size() >= policy_tests_max) break;
        if (auto test = test_reader.read(node)) requests.push_back(std::move(test->worded.request));
    }
    return requests;
}

}  // namespace policy

namespace {

// The tests of one more file.
void read_tests(std::string_view yaml, const std::string& file, const core::Policy& policy,
                policy::Findings& findings, std::vector<PolicyTest>& tests) {
    policy::Document document;
    if (!policy::read_yaml(yaml, file, document, findings)) return;
    policy::NodeReader reader{file, findings};
    const policy::Node* list = policy::NodeReader::find(document.root, "tests");
    if (!list) return;
    if (list->kind != policy::Node::Kind::list) return reader.error(*list, "`tests` must be a list");
    policy::TestReader test_reader{policy, reader};
    for (const policy::Node& node : list->items) {
        if (tests.size() >= policy_tests_max)
            return reader.error(node, fmt::format("a policy has at most {} tests", policy_tests_max));
        if (auto test = test_reader.read(node)) tests.push_back(std::move(*test));
    }
}

Result<std::vector<PolicyTest>> finished(std::vector<PolicyTest> tests, const policy::Findings& findings) {
    if (findings.errors() == 0) return tests;
    return fail(Trouble::invalid_input, "the tests have errors", "policy_invalid");
}

}  // namespace

Result<std::vector<PolicyTest>> read_policy_tests(std::string_view yaml, const std::string& file,
                                                  const core::Policy& policy,
                                                  std::vector<PolicyFinding>& findings) {
    policy::Findings all{findings};
    std::vector<PolicyTest> tests;
    read_tests(yaml, file, policy, all, tests);
    return finished(std::move(tests), all);
}

Result<std::vector<PolicyTest>> load_policy_tests(const std::string& file_or_folder,
                                                  const core::Policy& policy,
                                                  std::vector<PolicyFinding>& findings) {
    auto files = policy::policy_files(file_or_folder);
    if (!files) return pass(files);
    policy::Findings all{findings};
    std::vector<PolicyTest> tests;
    for (const auto& path : *files) {
        auto bytes = policy::read_policy_file(path);
        if (!bytes) return pass(bytes);
        read_tests(*bytes, path.string(), policy, all, tests);
    }
    return finished(std::move(tests), all);
}

}  // namespace countersign
