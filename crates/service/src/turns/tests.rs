#![allow(clippy::unwrap_used, reason = "a failed test should panic")]

use billfold_domain::{ProjectId, UserId};
use proptest::prelude::*;

use super::*;

const ROOM: usize = 1_000;

fn requester(number: usize) -> Arc<Requester> {
    let project = ProjectId::parse("demo").unwrap();
    match number {
        0 => Arc::new(Requester::Background),
        1 => Requester::of(&project, None),
        _ => Requester::of(&project, Some(&UserId::parse(format!("usr_{number}")).unwrap())),
    }
}

/// Who waits, as numbers.
fn queued(requesters: &[usize]) -> Turns<usize> {
    let mut turns = Turns::new();
    for number in requesters {
        turns.push(&requester(*number), ROOM, || *number).unwrap();
    }
    turns
}

fn all(turns: &mut Turns<usize>) -> Vec<usize> {
    std::iter::from_fn(|| turns.next()).collect()
}

#[test]
fn users_take_turns_and_whoever_asks_for_much_keeps_nobody_waiting() {
    let mut turns = queued(&[2, 2, 2, 2, 3, 4, 4]);
    assert_eq!(all(&mut turns), [2, 3, 4, 2, 4, 2, 2]);
    assert!(turns.is_empty());
    assert!(
        turns.users.is_empty() && turns.order.is_empty(),
        "nothing is kept of them"
    );
}

#[test]
fn the_background_has_a_turn_in_ten_while_users_wait_and_every_one_else() {
    let mut turns = queued(&[0, 0, 0]);
    for _ in 0..20 {
        turns.push(&requester(2), ROOM, || 2).unwrap();
    }
    let order = all(&mut turns);
    let places: Vec<usize> = (0..order.len()).filter(|place| order[*place] == 0).collect();
    assert_eq!(places, [9, 19, 22]);
}

#[test]
fn who_leaves_is_given_no_turn() {
    let mut turns = Turns::new();
    let tickets: Vec<Ticket> = [2, 2, 3, 0]
        .iter()
        .map(|number| turns.push(&requester(*number), ROOM, || *number).unwrap())
        .collect();
    turns.remove(&tickets[0]);
    turns.remove(&tickets[2]);
    turns.remove(&tickets[3]);
    turns.remove(&tickets[3]);
    assert_eq!(all(&mut turns), [2]);
}

#[test]
fn where_no_room_is_left_the_one_with_more_of_it_gives_way() {
    let push = |turns: &mut Turns<usize>, number| turns.push(&requester(number), 4, || number).is_some();
    let mut turns = queued(&[0, 2, 2, 2]);
    assert!(!push(&mut turns, 0), "the background drives nobody away");
    assert!(push(&mut turns, 3), "the background gives way");
    assert!(push(&mut turns, 3), "2 has three of four");
    assert!(!push(&mut turns, 3) && !push(&mut turns, 2), "each has a half");
    assert!(push(&mut turns, 4) && push(&mut turns, 5));
    assert!(!push(&mut turns, 6), "nobody's only one is taken");
    assert_eq!(turns.users(), 4);
}

/// What happens to the queues.
#[derive(Clone, Copy, Debug)]
enum Step {
    Push(usize),
    Next,
    Leave(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0_usize..6).prop_map(Step::Push),
        4 => Just(Step::Next),
        1 => (0_usize..40).prop_map(Step::Leave),
    ]
}

proptest! {
    /// Between two turns of one who waits all the while, each other user has one at most, and the background one in ten.
    /// Whoever came first of a requester's goes first; nobody is lost and nobody has two turns.
    #[test]
    fn nobody_is_more_than_one_turn_ahead(steps in prop::collection::vec(step(), 0..400)) {
        let mut turns = Turns::new();
        let mut waiting: Vec<(usize, Ticket)> = Vec::new();
        let mut ahead: HashMap<usize, HashMap<usize, u32>> = HashMap::new();
        let mut users_since_background = TURNS_OF_USERS;
        for (serial, step) in steps.into_iter().enumerate() {
            match step {
                Step::Push(number) => {
                    if waiting.iter().all(|(waits, _)| *waits != number) {
                        ahead.insert(number, HashMap::new());
                    }
                    let ticket = turns.push(&requester(number), ROOM, || (number, serial)).unwrap();
                    waiting.push((number, ticket));
                }
                Step::Leave(place) if !waiting.is_empty() => {
                    let (_, ticket) = waiting.remove(place % waiting.len());
                    turns.remove(&ticket);
                }
                Step::Leave(_) => {}
                Step::Next => {
                    let Some((number, _)) = turns.next() else {
                        prop_assert!(waiting.is_empty());
                        continue;
                    };
                    let first = waiting.iter().position(|(waits, _)| *waits == number);
                    prop_assert!(first.is_some(), "one who had left has a turn");
                    waiting.remove(first.unwrap());
                    let users_wait = waiting.iter().any(|(waits, _)| *waits != 0);
                    if number == 0 {
                        prop_assert!(!users_wait || users_since_background >= TURNS_OF_USERS);
                        users_since_background = 0;
                    } else {
                        users_since_background += 1;
                        for (other, ahead) in &mut ahead {
                            let waits = waiting.iter().any(|(waits, _)| waits == other);
                            if waits && *other != 0 && *other != number {
                                let turns = ahead.entry(number).or_default();
                                *turns += 1;
                                prop_assert!(*turns <= 1, "{number} is {turns} turns ahead of {other}");
                            }
                        }
                        ahead.insert(number, HashMap::new());
                    }
                    prop_assert_eq!(turns.users() + turns.background(), waiting.len());
                }
            }
        }
    }
}
