/* The lock protocol, for spin. docs/locks.md says which step is which in the code.
 *
 * CHANGES changes (processes 0 and 1), SESSIONS sessions (2 and 3; the last one is preserved), the daemons that come
 * after a crash (4 and 5), and clean() (6), all on one tree. An adversary kills any of them between any two steps,
 * CRASHES times in all. tests/kernel/locks/check_model runs
 *
 * safety:     spin -a -DCHANGES=2 -DSESSIONS=1 -DCRASHES=1 locks.pml; cc -O2 -DSAFETY -o pan pan.c; ./pan
 *             and the same with -DCHANGES=1 -DSESSIONS=2 -DCRASHES=2
 * starvation: spin -a -DLIVENESS ... locks.pml; cc -O2 -DNFAIR=3 -o pan pan.c; ./pan -a -f -N change_is_served
 *             and the same with -N sessions_go_on
 *
 * Each -DBUG_... plants a mistake, which must be found. */

#ifndef CHANGES
#define CHANGES 2
#endif
#ifndef SESSIONS
#define SESSIONS 1
#endif
#ifndef CRASHES
#define CRASHES 1
#endif
#define PROCESSES 7

/* ---- what the kernel and the disk hold */

byte manage_inode = 1;      /* which file has the name <key>.manage; 0: none */
byte manage_holder[4];      /* by inode: who locks it, plus one; 0: nobody */
bool clear[4];              /* by inode: its content says that there is no source lock */

bool source_file[2];        /* <key>.source.<i> has its name */
bool source_locked[2];      /* first byte: its owner lives */
bool source_waits[2];       /* second byte: it waits */
bool other_first[2];        /* the other's `since` is before mine */

bool session_file[2];       /* <key>.session.<j> */
bool session_locked[2];     /* by its owner */
byte session_owner[2];      /* by the content: pid */
bool commands[2];           /* commands of the session run; they hold a duplicate of the descriptor ... */
bool commands_second[2];    /* ... whose file has only the second name by now */
bool second_file[2];        /* <key>.session.<j>+<token> */

bool killed[PROCESSES];     /* by the adversary: takes no further step */
bool dead[PROCESSES];       /* and the kernel has let go of its locks */

/* ---- what the properties speak of */

bool changing[2];           /* change i is under way */
bool stands[2];             /* session j is to be protected */
bool waits0, granted0;      /* change 0 */

#define PRESERVED(j) (j == SESSIONS - 1)  /* the last one */
#define main_locked(j) (session_locked[j] || (commands[j] && !commands_second[j]))
#define second_locked(j) (commands[j])      /* it is always a name of the file that they hold */

#define source_stale(i) (source_file[i] && !source_locked[i] && dead[i])
#ifdef BUG_FORGET_PRESERVED
#define session_stale(j) (session_file[j] && !main_locked(j) && dead[session_owner[j]])
#else
#define session_stale(j) (session_file[j] && !main_locked(j) && dead[session_owner[j]] && !PRESERVED(j))
#endif
#define second_stale(j) (second_file[j] && !second_locked(j))

#define any_session (session_file[0] || session_file[1] || second_file[0] || second_file[1])
#define in_the_way(i) (any_session || (source_file[1-i] && (other_first[i] || !source_waits[1-i])))
#define any_stale (source_stale(0) || source_stale(1) || session_stale(0) || session_stale(1) || second_stale(0) || second_stale(1))

/* ---- steps. `me` is the process, `m` the inode of the manage file that it opened. */

inline manage_lock() {
  do
  :: atomic { if :: manage_inode == 0 -> manage_inode = 2; clear[2] = false :: else fi; m = manage_inode };  /* open */
#ifdef BUG_NO_MANAGE
     break
#else
     atomic { manage_holder[m] == 0 -> manage_holder[m] = me + 1 };
#ifdef BUG_NO_RECHECK
     break
#else
     if
     :: m == manage_inode -> break
     :: else -> manage_holder[m] = 0
     fi
#endif
#endif
  od;
  skip
}

inline manage_unlock() { d_step { if :: manage_holder[m] == me + 1 -> manage_holder[m] = 0 :: else fi; m = 0 } }

/* In one step: what is stale under the manage lock stays stale, and what becomes stale meanwhile is met the next time. */
inline sweep() {
  d_step {
    if :: source_stale(0) -> source_file[0] = false :: else fi;
    if :: source_stale(1) -> source_file[1] = false :: else fi;
    if :: session_stale(0) -> session_file[0] = false :: else fi;
    if :: session_stale(1) -> session_file[1] = false :: else fi;
    if :: second_stale(0) -> second_file[0] = false :: else fi;
    if :: second_stale(1) -> second_file[1] = false :: else fi
  }
}

/* What the kernel does for a process that was killed. */
inline die() {
  d_step {
    if :: m != 0 && manage_holder[m] == me + 1 -> manage_holder[m] = 0 :: else fi;
    m = 0;
    dead[me] = true
  }
}

/* An automatic session is over when neither its owner nor its commands live. */
inline owner_is_gone(j) {
  if :: session_owner[j] == me -> session_locked[j] = false;
        if :: !PRESERVED(j) && !commands[j] -> stands[j] = false :: else fi
     :: else
  fi
}

proctype Change(byte me) {
  byte m = 0;
  bool blocked = false;
  {
    manage_lock();
    sweep();
    blocked = any_session || source_file[1-me];
#ifndef BUG_NO_EXPECT
    clear[m] = false;                                       /* expect_source */
#endif
    d_step {                                                /* linkat of a file that is complete and locked */
      source_file[me] = true; source_locked[me] = true; source_waits[me] = blocked;
      other_first[me] = source_file[1-me]; other_first[1-me] = false;
      if :: me == 0 && blocked -> waits0 = true :: else fi
    };
    manage_unlock();
    do
    :: !blocked -> break
    :: blocked && (!in_the_way(me) || any_stale) ->         /* the look without the manage lock */
       manage_lock();
       sweep();
       blocked = in_the_way(me);
       if :: !blocked -> source_waits[me] = false :: else fi;   /* end_waiting */
       manage_unlock()
    od;
    skip;
    d_step {
      changing[me] = true;
      assert(!changing[1-me]);
      assert(!stands[0] && !stands[1]);
      if :: me == 0 -> granted0 = true; waits0 = false :: else fi
    };
    changing[me] = false;
    manage_lock();
    source_file[me] = false;                                /* unlinkat */
    manage_unlock();
    source_locked[me] = false                               /* close */
  } unless {
    killed[me];
    d_step { source_locked[me] = false; source_waits[me] = false; changing[me] = false };
    die()
  }
}

#define a_source_in_the_way (source_file[0] || source_file[1])

proctype Session(byte me; byte j) {
  byte m = 0;
  bool free = false;
  {
    do
    :: manage_lock();
       free = clear[m];
       if
       :: !free ->
          sweep();
          if :: !a_source_in_the_way -> clear[m] = true :: else fi;      /* set_clear */
#ifdef BUG_NO_HOLD_BACK
          free = !(source_file[0] && !source_waits[0]) && !(source_file[1] && !source_waits[1])
#else
          free = !a_source_in_the_way
#endif
       :: else
       fi;
       d_step {
         if
         :: free ->
            session_file[j] = true; session_locked[j] = true; session_owner[j] = me; stands[j] = true;
            assert(!changing[0] && !changing[1])
         :: else
         fi
       };
       manage_unlock();
       if
       :: free ->
          if :: j == 0 -> commands[j] = true :: true fi;    /* a run, or none */
          commands[j] = false;                              /* killed before the session ends */
          manage_lock();
          d_step { session_file[j] = false; stands[j] = false };
          manage_unlock();
          session_locked[j] = false
       :: else ->
#ifndef BUG_NO_HOLD_BACK
          (!a_source_in_the_way || any_stale)               /* the look without the manage lock */
#else
          true
#endif
       fi;
       free = false
    od
  } unless {
    killed[me];
    d_step { owner_is_gone(j) };
    die()
  }
}

/* The commands of session j end by themselves. */
proctype Commands(byte j) {
end:
  do
  :: atomic { commands[j] && dead[2+j] ->
       commands[j] = false; commands_second[j] = false;
       if :: !session_locked[j] && !PRESERVED(j) -> stands[j] = false :: else fi }
  od
}

#define to_be_recovered(j) (session_file[j] && dead[session_owner[j]] && (PRESERVED(j) || commands[j]))

/* A daemon that starts after a crash: takes the sessions over, and ends them at some time. */
proctype Daemon(byte me) {
  byte m = 0;
  byte j = 0;
  bool mine = false;
  {
end:
    do
    :: atomic { if :: to_be_recovered(0) -> j = 0 :: SESSIONS == 2 && to_be_recovered(1) -> j = 1 fi };
       manage_lock();
       if
       :: session_file[j] && !(main_locked(j) && !dead[session_owner[j]]) ->
#ifndef BUG_NO_SECOND
          if :: main_locked(j) -> second_file[j] = true :: else fi;     /* linkat */
#endif
          d_step {                                          /* renameat of a new file over the old one */
            session_file[j] = true; session_locked[j] = true; session_owner[j] = me; stands[j] = true;
            commands_second[j] = commands[j];
            assert(!changing[0] && !changing[1])
          };
          mine = true
       :: else
       fi;
       manage_unlock();
       if
       :: mine ->
          d_step { commands[j] = false; commands_second[j] = false };   /* killed */
          manage_lock();
          d_step { session_file[j] = false; stands[j] = false };
          sweep();
          manage_unlock();
          session_locked[j] = false;
          mine = false
       :: else
       fi
    od
  } unless {
    killed[me];
    d_step { owner_is_gone(0); owner_is_gone(1) };
    die()
  }
}

/* clean(): also removes the manage file of a tree on which nobody is. */
proctype Clean(byte me) {
  byte m = 0;
  {
    manage_lock();
    sweep();
    if :: !any_session && !a_source_in_the_way -> manage_inode = 0 :: else fi;
    manage_unlock()
  } unless { killed[me]; die() }
}

proctype Adversary() {
  byte left = CRASHES;
  do
  :: left > 0 ->
     atomic {
       left--;
       if
       :: killed[0] = true
       :: killed[2] = true
       :: killed[4] = true
#if CHANGES == 2
       :: killed[1] = true
#endif
#if SESSIONS == 2
       :: killed[3] = true
#endif
#ifdef CLEAN
       :: killed[6] = true
#endif
       fi
     }
  :: break
  od
}

init {
  atomic {
    run Change(0);
    run Session(2, 0);
    run Commands(0);
    run Daemon(4);
#if CRASHES > 1
    run Daemon(5);
#endif
#if CHANGES == 2
    run Change(1);
#endif
#if SESSIONS == 2
    run Session(3, 1);
#endif
#ifdef CLEAN
    run Clean(6);
#endif
    run Adversary()
  }
}

#ifdef LIVENESS
ltl change_is_served { [] (waits0 -> <> (granted0 || killed[0])) }
ltl sessions_go_on { [] <> (stands[0] || killed[2]) }
#endif
