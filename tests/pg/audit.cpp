#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "countersign/adapters/audit.hpp"
#include "pg/published_log.hpp"

// What `audit verify` sees of a database that somebody changed, as its owner could.
namespace countersign::contract {
namespace {

using testing::HasSubstr;

class AnAudit : public ThePublishedLog {
  protected:
    core::RequestId id = opened();
    std::string this_id = "'" + hex(id.bytes()) + "'";

    core::RequestId opened() {
        return on.get(on.cases().open(on.fresh(), on.soon())).value().opened.request->id;
    }
    void vote(const std::string& user, core::RequestId request) {
        ASSERT_TRUE(on.get(on.cases().append(on.vote(request, user), on.soon())));
    }
    // An approved request, another one, an act, all of it signed.
    void SetUp() override {
        vote("U0AMY", id);
        vote("U0BEN", id);
        vote("U0AMY", opened());
        add_events(3);
        published();
    }
    evidence::Audit audit(std::vector<evidence::KnownCheckpoint> known = {}) {
        auto done = on.get(evidence::audit_database(on.database->audit(), on.database->tree(),
                                                    {note_key(key)}, std::move(known), on.clock, {}));
        EXPECT_TRUE(done) << done.error().detail;
        return done ? *done : evidence::Audit{};
    }
    void as_owner(const std::string& table, const std::string& change) {
        on.sql("ALTER TABLE " + table + " DISABLE TRIGGER ALL; " + change + "; ALTER TABLE " + table +
               " ENABLE TRIGGER ALL");
    }
    // One finding at least stands at `where` and says `what`.
    void expect_found(const std::string& where, const std::string& what,
                      std::vector<evidence::KnownCheckpoint> known = {}) {
        auto done = audit(std::move(known));
        bool found = false;
        std::string all;
        for (const auto& one : done.findings) {
            all += one.where + ": " + one.what + "\n";
            found = found || (one.where == where && one.what.find(what) != std::string::npos);
        }
        EXPECT_TRUE(found) << "none is '" << where << ": …" << what << "…' among\n" << all;
    }
    // Where the log has this event of the first request.
    std::string index_of(const std::string& type) {
        return on.sql("SELECT min(index) FROM event WHERE type = '" + type + "' AND request_id = " + this_id);
    }
    // Events are as the server would have written them, had it written this.
    void forge_hash(const std::string& index) {
        as_owner("event", "UPDATE event SET hash = sha256('\\x00'::bytea || body) WHERE index = " + index);
    }
};

TEST_F(AnAudit, OfWhatNobodyChangedFindsNothing) {
    auto done = audit();
    for (const auto& one : done.findings) ADD_FAILURE() << one.where << ": " << one.what;
    EXPECT_EQ(done.requests, 2);
    EXPECT_EQ(done.entries, 5);
    EXPECT_EQ(done.events, 9);
    EXPECT_EQ(done.checkpoints, 1);
    add_events(300);
    published();
    vote("U0BEN", opened());  // waits for its place
    done = audit();
    for (const auto& one : done.findings) ADD_FAILURE() << one.where << ": " << one.what;
}

TEST_F(AnAudit, ABudgetThatARequestCannotCountTowardIsNamed) {
    auto applied = core::testing::requires_of({core::testing::asks({{2, "security"}})});
    applied.rules = {"exports"};
    applied.budgets = {{"exports", 5, {}, 0, 1h, {}}};
    ASSERT_TRUE(on.get(on.cases().open(on.fresh(applied), on.soon())));
    published();
    EXPECT_TRUE(audit().findings.empty());
    applied.budgets[0].rule = "imports";
    ASSERT_TRUE(on.get(on.cases().open(on.fresh(applied), on.soon())));
    published();
    expect_found("request #4", "it counts toward a budget of rule imports, which it does not match");
}

TEST_F(AnAudit, AVoteThatWasChangedIsNamed) {
    as_owner("entry",
             "UPDATE entry SET record = replace(record, '\"approve\"', '\"deny\"') WHERE version = 2");
    expect_found("request #1", "is not what this server wrote");
    expect_found("request #1", "is not what the request says");
}

// What lists look for is covered by no seal: nothing is decided by it, but a request can be hidden so.
TEST_F(AnAudit, AColumnThatListsLookForAndSomebodyChangedIsNamed) {
    const std::string of_request = " WHERE id = " + this_id;
    auto find = [&](const std::string& table, const std::string& change, const std::string& undo,
                    const std::string& column) {
        SCOPED_TRACE(change);
        as_owner(table, change);
        expect_found("request #1", "its column \"" + column + "\" was changed");
        as_owner(table, undo);
    };
    for (const std::string column : {"action", "environment", "resource", "requester", "asked_by"}) {
        const bool text = column == "action" || column == "environment";
        const std::string other = text ? "'other'" : "gen_random_uuid()";
        auto before =
            on.sql("SELECT coalesce(quote_literal(" + column + "::text), 'NULL') FROM request" + of_request);
        const std::string set = "UPDATE request SET " + column + " = ";
        find("request_default", set + other + of_request, set + before + (text ? "" : "::uuid") + of_request,
             column);
    }
    for (const std::string column : {"created_at", "expires_at"}) {
        const std::string set = "UPDATE request SET " + column + " = " + column;
        find("request_default", set + " - interval '1 microsecond'" + of_request,
             set + " + interval '1 microsecond'" + of_request, column);
    }
    find("request_state", "UPDATE request_state SET number = 99 WHERE request_id = " + this_id,
         "UPDATE request_state SET number = 1 WHERE request_id = " + this_id, "number of its state");
    find("entry", "UPDATE entry SET number = 99 WHERE version = 2 AND request_id = " + this_id,
         "UPDATE entry SET number = 1 WHERE version = 2 AND request_id = " + this_id,
         "kind or number of an entry");
    find("entry", "UPDATE entry SET kind = 'held' WHERE version = 2 AND request_id = " + this_id,
         "UPDATE entry SET kind = 'voted' WHERE version = 2 AND request_id = " + this_id,
         "kind or number of an entry");
    as_owner("request_number", "DELETE FROM request_number WHERE number = 1");
    expect_found("request #1", "its column \"row of its number\" was changed");
}

TEST_F(AnAudit, AVotesWordsThatWereChangedAreNamed) {
    as_owner("entry", "UPDATE entry SET words = replace(words, 'fine', 'forged') WHERE version = 2");
    expect_found("request #1", "the words of entry 2 are not those that were recorded");
}

TEST_F(AnAudit, AnEntryThatWasDeletedIsNamed) {
    as_owner("entry", "DELETE FROM entry WHERE request_id = " + this_id + " AND version = 2");
    expect_found("request #1", "entry 2 is missing");
}

TEST_F(AnAudit, ALastEntryThatWasDeletedWithItsStateIsNamed) {
    as_owner("entry", "DELETE FROM entry WHERE request_id = " + this_id + " AND version = 3");
    as_owner("request_state",
             "UPDATE request_state SET version = 2, state = 'pending', counted = '{}', seal = (SELECT "
             "seal FROM entry WHERE request_id = " +
                 this_id + " AND version = 2) WHERE request_id = " + this_id);
    expect_found("request #1", "of entry 3) is not what the request says");
}

TEST_F(AnAudit, TwoEventsThatWereSwappedAreNamed) {
    auto first = index_of("request.created");
    auto second = index_of("request.voted");
    as_owner("event", "UPDATE event SET index = 1000 WHERE index = " + first +
                          "; UPDATE event SET index = " + first + " WHERE index = " + second +
                          "; UPDATE event SET index = " + second + " WHERE index = 1000");
    expect_found("event " + first, "its seal does not hold");
    expect_found("event " + second, "its seal does not hold");
    expect_found("request #1", "is not what the request says");
    expect_found("checkpoint 9", "another history");
}

TEST_F(AnAudit, AnEventThatWasReplacedInThePastIsNamed) {
    auto index = index_of("request.approved");
    as_owner("event",
             "UPDATE event SET body = convert_to(replace(convert_from(body, 'UTF8'), 'approved', 'denied'), "
             "'UTF8') WHERE index = " +
                 index);
    forge_hash(index);
    expect_found("event " + index, "its seal does not hold");
    expect_found("request #1", "is not what the request says");
    expect_found("checkpoint 9", "another history");
    expect_found("tile/0/000.p/9", "does not hold the hashes of these events");
}

TEST_F(AnAudit, AnEventThatWasRemovedIsNamed) {
    as_owner("event", "DELETE FROM event WHERE index = 4");
    expect_found("event 4", "is missing");
    expect_found("checkpoints", "events are missing");
}

TEST_F(AnAudit, ALeafThatWasWrittenAnewIsNamed) {
    as_owner("event",
             "UPDATE event SET body = convert_to(replace(convert_from(body, 'UTF8'), ',', ', '), 'UTF8') "
             "WHERE index = 0");
    forge_hash("0");
    expect_found("event 0", "written anew");
    expect_found("checkpoint 9", "another history");
}

TEST_F(AnAudit, APolicyWhoseTextWasChangedIsNamed) {
    as_owner("request", "UPDATE request SET rules = replace(rules, '\"count\":2', '\"count\":1')");
    expect_found("request #1", "the request or its rules are not those that its first entry tells of");
}

TEST_F(AnAudit, ARequestWhoseWordsWereChangedIsNamed) {
    as_owner("request", "UPDATE request SET words = replace(words, 'Monthly', 'Weekly')");
    expect_found("request #2", "the words of the request are not those that were recorded");
}

TEST_F(AnAudit, ARequestThatWasRemovedIsNamed) {
    as_owner("entry", "DELETE FROM entry WHERE request_id = " + this_id);
    as_owner("request_state", "DELETE FROM request_state WHERE request_id = " + this_id);
    as_owner("request", "DELETE FROM request WHERE id = " + this_id);
    expect_found("event " + index_of("request.approved"), "tells of a request that is gone");
}

TEST_F(AnAudit, AnActThatWasChangedIsNamed) {
    as_owner("act", "UPDATE act SET words = replace(words, '0', '7')");
    auto done = audit();
    ASSERT_EQ(done.findings.size(), 1U);
    EXPECT_THAT(done.findings[0].what, HasSubstr("the words of its act"));
    as_owner("act", "DELETE FROM act");
    EXPECT_EQ(audit().findings.size(), 3U);
}

TEST_F(AnAudit, ATileThatWasChangedIsNamed) {
    as_owner("tile", "UPDATE tile SET hashes = overlay(hashes PLACING sha256('x') FROM 33)");
    expect_found("tile/0/000.p/9", "does not hold the hashes of these events");
}

TEST_F(AnAudit, ACheckpointThatWasEditedIsNamed) {
    as_owner("checkpoint", "UPDATE checkpoint SET note = replace(note, E'\\n9\\n', E'\\n8\\n')");
    expect_found("checkpoint 9", "is not signed by a key of this log");
}

TEST_F(AnAudit, ACheckpointOfAnotherPurposesKeyIsNone) {
    auto grant = log_key_of('g');
    auto other = note_key(grant);
    tlog::Note note{tlog::text_of(published()), {}};
    note.signatures.push_back(
        tlog::sign_note(note.text, other, [&](std::string_view bytes) -> Result<std::array<std::byte, 64>> {
            return grant.sign(bytes);
        }).value());
    expect_found("given", "is no checkpoint that a key of this log signed", {{"given", tlog::text_of(note)}});
}

TEST_F(AnAudit, ADatabaseThatWasTakenBackIsToldByACheckpointThatWasKept) {
    copy_of_the_database_to("an_older_one");
    add_events(2);
    auto kept = publish()->note;
    restore("an_older_one");
    EXPECT_TRUE(audit().good()) << "by itself it holds together";
    expect_found("kept", "this database is older than the log it published", {{"kept", kept}});
    // It went on without what was lost: two histories, of which each was shown to somebody.
    add_events(2);
    integrate().value();
    expect_found("kept", "signed of another history", {{"kept", kept}});
}

TEST_F(AnAudit, ACheckpointOfBeforeIsFoundAgain) {
    auto older = publish()->note;
    add_events(5);
    published();
    EXPECT_TRUE(audit({{"older", older}}).good());
}

TEST_F(AnAudit, ForgedEntriesThatNeverReachedTheLogAreNamed) {
    on.sql(
        "INSERT INTO entry (request_id, version, kind, state, record, words, seal) SELECT request_id, 4, "
        "'claimed', "
        "'claimed', record, words, seal FROM entry WHERE request_id = " +
        this_id + " AND version = 3");
    expect_found("request #1", "the log lacks");
    expect_found("request #1", "but its entries come to approved");
}

// ---- roles

class RolesOfTheLog : public testing::Test {
  protected:
    Secret uri = support::postgres().empty_database();
    RolesOfTheLog() {
        support::postgres().have_role("countersign_auditor");
        EXPECT_TRUE(pg::migrate(uri));
    }
    Secret as(const std::string& role) const {
        return Secret{std::string(uri.reveal()) + " options='-c role=" + role + "'"};
    }
};

TEST_F(RolesOfTheLog, TheServersIsEnoughToKeepTheLogAndTheAuditorsToProveIt) {
    auto key = log_key_of('a');
    tlog::NoteKey note_key;
    note_key.name = "approvals.example.com/log";
    note_key.key = key.public_key();
    {
        OnPostgres server{uri};
        auto id = server.get(server.cases().open(server.fresh(), server.soon())).value().opened.request->id;
        ASSERT_TRUE(server.get(server.cases().append(server.vote(id, "U0AMY"), server.soon())));
        auto event = app::admin_event(app::AdminAct::key_published, "sha256:k",
                                      core::Value::object({{"a", 1}}), server.clock.now(), *server.entropy);
        auto told = server.get(server.database->tree().tell_keys({{"log k", false, event}}, server.soon()));
        ASSERT_TRUE(told) << told.error().detail;
        while (server.get(server.log().sequence(std::nullopt, server.soon())).value().more) continue;
        auto grown = server.get(server.database->tree().integrate(server.soon()));
        ASSERT_TRUE(grown) << grown.error().detail;
        auto sign = [&](const app::TreeStore::ToSign& what) -> Result<std::string> {
            tlog::Note note{tlog::text_of(tlog::Checkpoint{note_key.name, what.head}), {}};
            auto with = [&](std::string_view bytes) -> Result<std::array<std::byte, 64>> {
                return key.sign(bytes);
            };
            note.signatures.push_back(tlog::sign_note(note.text, note_key, with).value());
            return tlog::text_of(note);
        };
        auto published = server.get(server.database->tree().publish(note_key.name, sign, server.soon()));
        ASSERT_TRUE(published) << published.error().detail;
    }
    OnPostgres auditor{uri, as("countersign_auditor")};
    auto done = auditor.get(evidence::audit_database(auditor.database->audit(), auditor.database->tree(),
                                                     {note_key}, {}, auditor.clock, {}));
    ASSERT_TRUE(done) << done.error().detail;
    for (const auto& one : done->findings) ADD_FAILURE() << one.where << ": " << one.what;
    EXPECT_EQ(done->checkpoints, 1);
    EXPECT_FALSE(auditor.get(auditor.cases().open(auditor.fresh(), auditor.soon())))
        << "it reads, and that is all";
}

}  // namespace
}  // namespace countersign::contract
