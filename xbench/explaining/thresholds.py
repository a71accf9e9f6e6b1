"""From where on something is a reason. Each with why it is where it is; none was tuned to a model."""

LEAST_GAIN = 0.02
"""An ideal below this is nothing to reach: it is the margin within which two speeds are the same, unless a suite says
otherwise."""
LEAST_LOST = 0.05
"""What accounts for less than a twentieth of the ideal saving is not worth a line: profiles are good to a few per
cent, and several of them are added up."""
LEAST_SHARE = 0.10
"""Operators with less than a tenth of the time can hold a speedup of 2 back by 5 % at most (Amdahl, 1967)."""
AGREE_WITHIN = 1.25
"""The parts must tell what the whole tells. Profiles that do not add up to the timed speedup within a quarter were
disturbed, or show too little of a call; a quarter is what the profiler's own part, which differs from node to node,
may leave of an error in nodes of some 10 us."""
LEAST_NODE_MS = 0.020
"""A kernel's time is cut to whole microseconds, and profiling adds some: on ONNX Runtime's CPU provider about 2 to
each node. Where a node takes as long as this, it is a few per cent too short, or a tenth too long."""
LOST_RATE = 0.25
"""A layer does fewer multiply-accumulates a second by more than profiles differ (see AGREE_WITHIN)."""
MOST_ADDED = 0.25
"""One figure is taken off all nodes, and what profiling adds to them differs: it is more where several threads
compute. Where it is more than a quarter of the profiled time, what is left may be wrong by as much as profiles may
differ."""
LAUNCH_SHARE = 0.30
"""With less of the latency in launches, running half as many nodes saves less than a sixth of it; and with as much,
no shrinking of layers gives more than 3.3x (Amdahl, 1967). What a node costs is measured on the target itself."""
MEMORY_SHARE = 0.25
"""A layer is taken as bound by memory only if moving its bytes once at the measured rate takes at least this much of
its time. It is not more, since a store moves a line twice (it is read before it is written), and one kernel seldom
gets more than half of what a copy by all cores gets."""
NEVER_RUN = "never run"
"""What a profile's evidence says where no device of its kind was at hand."""
