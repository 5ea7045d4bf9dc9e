#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "pg/published_log.hpp"

// The published log on a real database, and what happens when somebody changes it.
namespace countersign::contract {
namespace {

using testing::HasSubstr;

TEST_F(ThePublishedLog, EveryEventIsALeafThatItsProofFinds) {
    add_events(700);
    auto checkpoint = published();
    EXPECT_EQ(checkpoint.head.size, 700);
    for (std::int64_t index : {0, 255, 256, 511, 512, 699}) {
        std::string body =
            *unhex(on.sql("SELECT encode(body, 'hex') FROM event WHERE index = " + std::to_string(index)));
        auto proof = on.get(on.database->tree().prove(note_key(key).name, index, on.soon()));
        ASSERT_TRUE(proof) << proof.error().detail;
        tlog::InclusionProof file{{}, index, proof->hashes, proof->checkpoint};
        EXPECT_TRUE(tlog::verify_proof(file, tlog::leaf_hash(body), note_key(key)));
        EXPECT_FALSE(tlog::verify_proof(file, tlog::leaf_hash(body + " "), note_key(key)));
    }
    auto beyond = on.get(on.database->tree().prove(note_key(key).name, 700, on.soon()));
    ASSERT_FALSE(beyond);
    EXPECT_EQ(beyond.error().code, "not_published");
}

TEST_F(ThePublishedLog, TilesOfEveryCheckpointStayReadable) {
    std::vector<tlog::TreeHead> heads;
    for (int more : {1, 254, 1, 1, 300, 3}) {
        add_events(more);
        heads.push_back(published().head);
    }
    for (const auto& older : heads) {
        auto root = tlog::root_of(older.size, tiles(older.size));
        ASSERT_TRUE(root) << root.error().detail;
        EXPECT_EQ(*root, older.root);
        auto proof = tlog::prove_consistency(older.size, heads.back().size, tiles(heads.back().size));
        EXPECT_TRUE(tlog::verify_consistency(older, heads.back(), *proof));
    }
    auto bundle = on.get(on.database->tree().tile({tlog::entries_level, 1, 44}, on.soon()));
    ASSERT_TRUE(bundle);
    auto entries = tlog::entries_in(*bundle, 44);
    ASSERT_TRUE(entries);
    auto tile = on.get(on.database->tree().tile({0, 1, 44}, on.soon())).value();
    EXPECT_EQ(tile.size(), 44U * 32);
    EXPECT_EQ(tlog::leaf_hash(entries->back()), tlog::hash_from(tile.substr(43 * 32)));
    EXPECT_FALSE(on.get(on.database->tree().tile({0, 2}, on.soon()))) << "not full yet";
    EXPECT_FALSE(on.get(on.database->tree().tile({0, 9, 1}, on.soon())));
    EXPECT_FALSE(on.get(on.database->tree().tile({5, 0, 1}, on.soon())));
}

TEST_F(ThePublishedLog, NothingNewIsNotSignedAgain) {
    add_events(3);
    auto first = publish().value();
    EXPECT_EQ(publish()->note, first.note);
    EXPECT_EQ(on.sql("SELECT count(*) FROM checkpoint"), "1");
}

TEST_F(ThePublishedLog, ADatabaseThatWasRestoredFromABackupIsNotSigned) {
    add_events(5);
    published();
    copy_of_the_database_to("yesterday");
    add_events(5);
    published();
    restore("yesterday");
    auto refused = publish();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, "log_shrunk");
    EXPECT_THAT(refused.error().detail, HasSubstr("restored backup"));
    // It is not forgotten when the log has grown as long again.
    add_events(5);
    refused = publish();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, "log_forked");
    add_events(5);
    EXPECT_EQ(publish().error().code, "log_forked");
    EXPECT_EQ(on.sql("SELECT max(size) FROM checkpoint"), "5");
}

TEST_F(ThePublishedLog, ALostMarkStopsTheSignerUntilItIsGivenACheckpoint) {
    add_events(5);
    auto note = publish()->note;
    std::filesystem::remove(mark);
    add_events(1);
    auto refused = publish();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, "mark_missing");
    std::ofstream(mark) << note;
    EXPECT_EQ(published().head.size, 6);
}

TEST_F(ThePublishedLog, AMarkOfAnotherLogIsNoMark) {
    add_events(1);
    published();
    std::ofstream(mark) << "approvals.example.com/log\n";
    EXPECT_EQ(publish().error().code, "mark_missing");
}

TEST_F(ThePublishedLog, ANewKeyGoesOnWhereTheOldOneEnded) {
    add_events(5);
    auto old = published();
    auto retired = note_key(key);
    key = log_key_of('b');
    add_events(2);
    EXPECT_EQ(publish().error().code, "mark_missing") << "the old key must be known as retired";
    auto done = publish(signer({}, {retired}));
    ASSERT_TRUE(done) << done.error().detail;
    EXPECT_EQ(tlog::open_checkpoint(done->note, note_key(key))->head.size, 7);
    EXPECT_EQ(old.head.size, 5);
}

TEST_F(ThePublishedLog, TwoSignersAtOnceSignOneHistory) {
    std::string other_mark = folder + "/other.mark";
    std::atomic<bool> stop = false;
    std::atomic<int> refused = 0;
    auto sign_on = [&](std::string path) {
        OnPostgres replica{on.uri};
        auto mine = signer(path);
        while (!stop) {
            static_cast<void>(replica.get(replica.database->tree().integrate(replica.soon())));
            auto done = replica.get(replica.database->tree().publish(
                mine.origin(), [&](const app::TreeStore::ToSign& what) { return mine.sign(what); },
                replica.soon()));
            if (!done) ++refused;
        }
    };
    std::ofstream(mark).close();
    std::filesystem::remove(mark);
    add_events(1);
    published();
    std::filesystem::copy_file(mark, other_mark);
    std::thread one(sign_on, mark);
    std::thread two(sign_on, other_mark);
    for (int i = 0; i < 40; ++i) add_events(7);
    stop = true;
    one.join();
    two.join();
    EXPECT_EQ(refused, 0);
    auto last = published();
    EXPECT_EQ(last.head.size, 281);
    // Every checkpoint there is leads to the last one.
    auto sizes = split(on.sql("SELECT string_agg(size || ' ' || note, E'\\x1f') FROM checkpoint"), '\x1f');
    EXPECT_GT(sizes.size(), 1U);
    for (const auto& line : sizes) {
        auto checkpoint = tlog::open_checkpoint(line.substr(line.find(' ') + 1), note_key(key));
        ASSERT_TRUE(checkpoint) << line;
        auto proof = tlog::prove_consistency(checkpoint->head.size, last.head.size, tiles(last.head.size));
        EXPECT_TRUE(tlog::verify_consistency(checkpoint->head, last.head, *proof));
    }
}

TEST_F(ThePublishedLog, AKeyIsToldOfOnceWhenItComesAndOnceWhenItGoes) {
    auto tell = [this](bool retired) {
        auto act = retired ? app::AdminAct::key_retired : app::AdminAct::key_published;
        auto event = app::admin_event(act, "sha256:k", core::Value::object({{"purpose", "log"}}),
                                      on.clock.now(), *on.entropy);
        ASSERT_TRUE(on.get(on.database->tree().tell_keys({{"log k", retired, event}}, on.soon())));
    };
    tell(false);
    tell(false);
    tell(true);
    tell(true);
    add_events(0);
    EXPECT_EQ(on.sql("SELECT string_agg(type, ' ' ORDER BY type) FROM event"), "key.published key.retired");
}

// ---- attacks

TEST_F(ThePublishedLog, AnEventPutThereByHandBecomesNoLeaf) {
    add_events(3);
    published();
    on.sql(
        "INSERT INTO event SELECT 3, gen_random_uuid(), at, type, request_id, act_id, version, state, body, "
        "hash, "
        "seal FROM event WHERE index = 2");
    on.sql("UPDATE log_head SET size = 4");
    auto refused = integrate();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, "log_broken");
    EXPECT_EQ(on.sql("SELECT size FROM log_tree"), "3");
}

TEST_F(ThePublishedLog, AnEventChangedBeforeItIsALeafBecomesNone) {
    add_events(3);
    on.sql(
        "ALTER TABLE event DISABLE TRIGGER ALL; UPDATE event SET body = body || ' ', hash = "
        "sha256('\\x00'::bytea || body || ' ') WHERE index = 1");
    EXPECT_EQ(integrate().error().code, "log_broken");
}

TEST_F(ThePublishedLog, ATileThatWasChangedIsNotBuiltUpon) {
    add_events(3);
    published();
    on.sql(
        "ALTER TABLE tile DISABLE TRIGGER ALL; UPDATE tile SET hashes = sha256('x') || substring(hashes FROM "
        "33)");
    add_events(1);
    EXPECT_EQ(integrate().error().code, "log_broken");
}

TEST_F(ThePublishedLog, ATreeWhoseRowWasChangedIsNotSigned) {
    add_events(3);
    published();
    on.sql("UPDATE log_tree SET size = size + 1, root = sha256('x')");
    auto refused = publish();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().trouble, Trouble::corrupt);
}

TEST_F(ThePublishedLog, TheTablesOfTheTreeOnlyGrow) {
    add_events(3);
    published();
    const char* privilege = "42501";
    for (const char* text : {"DELETE FROM tile", "TRUNCATE tile", "UPDATE tile SET hashes = sha256('x')",
                             "UPDATE tile SET hashes = substring(hashes FOR 32)",
                             "UPDATE log_tree SET size = 2", "DELETE FROM log_tree", "DELETE FROM checkpoint",
                             "UPDATE checkpoint SET note = ''", "DELETE FROM published_key"})
        EXPECT_EQ(support::sqlstate_of(on.uri, text), privilege) << text;
}

}  // namespace
}  // namespace countersign::contract
