#pragma once
#include <cstdint>
#include <string>

namespace countersign::pg {

// What is prepared on a connection. Cases come as rows of: id, version, state, quarantined, entries beyond
// the `known` first ones (newline between), their origins (likewise), and, where known is 0: number, request,
// applied, salt. See rows.hpp.
enum class Statement : std::uint8_t {
    lock_case,    // (uuid[] ids, int[] known): waits for the locks
    lock_cases,   // the same; leaves out what others have locked
    read_cases,   // the same, without locks
    read_number,  // (bigint)
    write_steps,  // everything a batch of appends changes, see append.cpp; takes Parameters
    write_step,   // the same of a single entry, which comes by itself, not in arrays
    cards_of,     // (uuid[] requests)
    open_case,    // everything a new case is, see case_store.cpp; takes Parameters
    escalate,     // (uuid request, int version, uuid[] cards, text[] surfaces, text[] channels, uuid errand,
                  // uuid holder, timestamptz until, timestamptz now): see append.cpp
    settle,       // see outbox_store.cpp, like the next two
    put_off,
    renew_cards,  // (uuid[] cards, uuid holder, timestamptz until)
    claim_cards,  // (uuid holder, timestamptz until, timestamptz now, int at_most)
    claim_errands,
    lock_log,
    sequence,        // (int at_most), while the head of the log is locked: see event_log.cpp
    log_size,        // (int at_most): and how many events wait for their place, but not more than that
    nobody_to_tell,  // (bigint revision, bigint at_most): see webhook_store.cpp
    count
};
// "PREPARE …;", or the bare statement where it takes Parameters (see Session::execute).
std::string definition_of(Statement statement);

}  // namespace countersign::pg
