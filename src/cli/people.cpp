#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <utility>

#include "cli/console.hpp"
#include "cli/database.hpp"
#include "cli/outcome.hpp"
#include "cli/verbs.hpp"
#include "countersign/adapters/config.hpp"
#include "countersign/adapters/policy.hpp"
#include "countersign/base/text.hpp"

// `countersign people …`: straight on the database; running servers notice within a second.
namespace countersign::cli {
namespace {

struct Office {
    OpenDatabase open;
    std::shared_ptr<const core::Policy> policy;
    app::PeopleNews news;
    Deadline soon() const { return open.loop->within(database_patience); }
};

Result<Office> enter(const PeopleOptions& options) {
    auto policy = policy_of_server(options.config_file, options.policy);
    if (!policy) return pass(policy);
    auto open = open_database(options.config_file);
    if (!open) return pass(open);
    Office office{.open = std::move(*open), .policy = std::move(*policy), .news = {}};
    auto news = office.open.loop->finish(office.open.database->people().read(std::nullopt, office.soon()));
    if (!news) return pass(news);
    if (*news) office.news = std::move(**news);
    return office;
}

// The text names a person of the policy or a whole account. A bare chat id could be anybody's of that id:
// there is no chat here to say which workspace is meant.
Result<core::AccountId> account_of(const Office& office, const std::string& text) {
    auto read = person_named(text, *office.policy);
    if (!read) return read;
    core::AccountId account = std::move(*read);
    auto of = core::parts(account);
    if (text.size() > app::account_bytes_max)
        return fail(Trouble::invalid_input,
                    fmt::format("an account takes {} bytes at most", app::account_bytes_max));
    if (core::in_chat(account) && of.workspace.empty())
        return fail(Trouble::invalid_input,
                    fmt::format("{}: say of which workspace, e.g. {}:{}/{}", visible(text), of.kind,
                                of.kind == "slack" ? "T0SIM" : "<tenant>", visible(of.id)));
    return account;
}

// One line of the table: an account of a person, and who says so.
struct Row {
    core::AccountId account;
    std::string way;  // "policy", "code", "administrator"
    std::optional<core::Instant> since;
    std::optional<core::Instant> ended;
};
using Persons = std::map<core::PersonId, std::vector<Row>>;

Persons persons_of(const Office& office) {
    core::Directory::Ties ties{
        .links = app::links_of(office.news.accounts), .trusted_domains = {}, .absences = {}};
    core::Directory directory{
        office.policy, {}, std::make_shared<const core::Directory::Ties>(std::move(ties))};
    Persons persons;
    for (const auto& person : office.policy->people)
        for (const auto& account : person.accounts)
            persons[directory.person_of(core::AccountId{person.name.text()})].push_back(
                {account, "policy", {}, {}});
    for (const auto& one : office.news.accounts) {
        auto other = std::ranges::find_if(office.news.accounts, [&](const auto& beside) {
            return beside.person == one.person && !beside.unlinked_at;
        });
        // What was unlinked is told with whom it was linked to.
        const auto& whose =
            one.unlinked_at && other != office.news.accounts.end() ? other->account : one.account;
        persons[directory.person_of(whose)].push_back(
            {one.account, std::string{name_of(one.way)}, one.linked_at, one.unlinked_at});
    }
    return persons;
}

core::Value value_of(const core::PersonId& person, const std::vector<Row>& rows) {
    core::Value accounts = core::Value::array();
    auto time = [](const std::optional<core::Instant>& at) {
        return at ? core::Value{core::rfc3339(*at)} : core::Value{};
    };
    for (const Row& row : rows)
        accounts.push(core::Value::object({{"account", row.account.text()},
                                           {"way", row.way},
                                           {"linked_at", time(row.since)},
                                           {"unlinked_at", time(row.ended)}}));
    return core::Value::object({{"person", person.text()}, {"accounts", std::move(accounts)}});
}

void print_persons(const Persons& persons) {
    std::vector<std::vector<std::string>> table{{"PERSON", "ACCOUNT", "BY", "SINCE", "STATE"}};
    for (const auto& [person, rows] : persons)
        for (const Row& row : rows)
            table.push_back({visible(person.text()), visible(row.account.text()), row.way,
                             row.since ? time_text(*row.since) : "-",
                             row.ended ? "unlinked " + time_text(*row.ended) : "linked"});
    print_table(table);
}

int link(const PeopleOptions& options, bool merge) {
    auto office = enter(options);
    if (!office) return failed_on_names(office.error());
    auto one = account_of(*office, options.one);
    if (!one) return failed_on_names(one.error());
    auto other = account_of(*office, options.other);
    if (!other) return failed_on_names(other.error());
    if (*one == *other)
        return failed_on_names(Failure{Trouble::invalid_input, "these are the same account", {}, {}});
    Loop& loop = *office->open.loop;
    auto event = app::admin_event(
        app::AdminAct::person_linked, {},
        core::Value::object(
            {{"way", app::name_of(app::LinkWay::administrator)}, {"by", "administrator"}, {"merge", merge}}),
        loop.now(), loop.entropy());
    auto linked = loop.finish(office->open.database->people().link(
        {.one = *one,
         .other = *other,
         .way = app::LinkWay::administrator,
         .merge = merge,
         .fresh = app::StoredPersonId::mint(loop.now(), rt::chance(loop.entropy())),
         .event = std::move(event)},
        office->soon()));
    if (!linked && linked.error().code == "two_persons")
        return failed_on_names(
            Failure{Trouble::conflict,
                    fmt::format("{} and {} are two persons with accounts of their own; if they are one: "
                                "countersign people merge {} {}",
                                visible(one->text()), visible(other->text()), visible(one->text()),
                                visible(other->text())),
                    {},
                    {}});
    if (!linked) return failed_on_names(linked.error());
    if (options.json) {
        print_json(core::Value::object({{"id", linked->person.text()}, {"changed", linked->changed}}));
    } else {
        note(fmt::format("{} and {} {} one person; running servers know within a second",
                         visible(one->text()), visible(other->text()),
                         linked->changed ? "are now" : "were already"));
    }
    return exit_ok;
}

}  // namespace

int people_list_verb(const PeopleOptions& options) {
    auto office = enter(options);
    if (!office) return failed_on_names(office.error());
    auto persons = persons_of(*office);
    if (!options.json) {
        print_persons(persons);
        return exit_ok;
    }
    core::Value list = core::Value::array();
    for (const auto& [person, rows] : persons) list.push(value_of(person, rows));
    print_json(list);
    return exit_ok;
}

int people_show_verb(const PeopleOptions& options) {
    auto office = enter(options);
    if (!office) return failed_on_names(office.error());
    auto account = account_of(*office, options.one);
    if (!account) return failed_on_names(account.error());
    auto persons = persons_of(*office);
    auto found = std::ranges::find_if(persons, [&](const auto& person) {
        return person.first.text() == account->text() ||
               std::ranges::any_of(person.second, [&](const Row& row) {
                   return core::normal(row.account) == *account && !row.ended;
               });
    });
    if (found == persons.end()) {
        return failed_on_names(Failure{
            Trouble::not_found,
            fmt::format("{} is linked to nobody; it is a person of its own", visible(account->text())),
            {},
            {}});
    }
    if (options.json)
        print_json(value_of(found->first, found->second));
    else
        print_persons({*found});
    return exit_ok;
}

int people_link_verb(const PeopleOptions& options) {
    return link(options, false);
}

int people_merge_verb(const PeopleOptions& options) {
    return link(options, true);
}

int people_unlink_verb(const PeopleOptions& options) {
    auto office = enter(options);
    if (!office) return failed_on_names(office.error());
    auto account = account_of(*office, options.one);
    if (!account) return failed_on_names(account.error());
    Loop& loop = *office->open.loop;
    auto event = app::admin_event(app::AdminAct::person_unlinked, {},
                                  core::Value::object({{"by", "administrator"}}), loop.now(), loop.entropy());
    auto unlinked = loop.finish(office->open.database->people().unlink(
        {.account = *account, .event = std::move(event)}, office->soon()));
    if (!unlinked && unlinked.error().trouble == Trouble::not_found)
        unlinked.error().detail = fmt::format(
            "{} is linked to nobody in the database; what the policy says is changed in the policy",
            visible(account->text()));
    if (!unlinked) return failed_on_names(unlinked.error());
    if (options.json)
        print_json(core::Value::object({{"id", unlinked->text()}, {"changed", true}}));
    else
        note(fmt::format("{} is unlinked; on requests that are open now it stays excluded",
                         visible(account->text())));
    return exit_ok;
}

}  // namespace countersign::cli
