// Test bench: one layer of a program, from its memory images to its golden vectors.
//
// For each neuron it reads the addresses, weights and spike times of all synapses, sends the spikes
// that arrive through the processing element, and the sum through the firing window. It prints
// the values that differ from the golden ones, and one line with their number. A module generated
// for the layer sets the parameters and fills the memories.

`default_nettype none

module log_ttfs_layer #(
    parameter NAME = "layer",
    parameter KIND = 1,               // 0: encoder, 1: neurons, 2: earliest spike, 3: read-out
    parameter SAMPLES = 1,
    parameter POSITIONS = 1,
    parameter CHANNELS = 1,
    parameter BRANCHES = 1,
    parameter WEIGHTS = 1,            // words of each memory, at least 1
    parameter ADDRESSES = 1,
    parameter CELLS = 1,
    parameter SPIKES = 1,
    parameter ORDERED = 0,            // spikes in the order of their steps, where sums may clip
    parameter STRIDE = 1,             // every STRIDE-th neuron
    parameter GRID_LOG = 2,
    parameter WEIGHT_SHIFT = 1,
    parameter TIME_SHIFT = 0,
    parameter WEIGHT_BITS = 5,
    parameter ZERO_CODE = 15,
    parameter TABLE_BITS = 12,
    parameter ACCUMULATOR_BITS = 32,
    parameter TIMESTEPS = 24,
    parameter signed [7:0] FRACTION = 0,
    parameter THRESHOLD_FILE = "thresholds.hex"
);
    // Entries of the plan, for each branch.
    localparam TAPS = 0, MEMBERS = 1, WIDTH = 2, REACHED = 3, FIRST = 4, FAN_OUT = 5;
    localparam WEIGHTED = 6, NEGATIVE = 7, OFFSET = 8, SOURCE_POSITIONS = 9, SOURCE_CHANNELS = 10;
    localparam WEIGHT_BASE = 11, ADDRESS_BASE = 12, CELL_BASE = 13, SPIKE_BASE = 14, ENTRIES = 15;

    reg [31:0] plan [0:BRANCHES*ENTRIES-1];
    reg [WEIGHT_BITS-1:0] weights [0:WEIGHTS-1];
    reg signed [31:0] addresses [0:ADDRESSES-1];
    reg signed [31:0] cells [0:CELLS-1];
    reg [15:0] spikes [0:SPIKES-1];   // of an encoder: its inputs
    reg [ACCUMULATOR_BITS-1:0] biases [0:CHANNELS-1];
    reg signed [63:0] golden [0:SAMPLES*POSITIONS*CHANNELS-1];

    reg clock = 1'b0, load = 1'b0, valid = 1'b0, start = 1'b0, negative = 1'b0;
    reg [11:0] exponent = 12'd0;
    reg [7:0] spike = 8'd0;
    reg [15:0] offset = 16'd0;
    reg signed [ACCUMULATOR_BITS-1:0] bias = 0;
    reg signed [63:0] given = 64'd0;
    reg encoding = 1'b0;

    wire signed [ACCUMULATOR_BITS-1:0] sum;
    wire signed [63:0] potential = encoding ? given : {{(64-ACCUMULATOR_BITS){sum[ACCUMULATOR_BITS-1]}}, sum};
    wire [7:0] fired;
    wire clipped, done;

    log_ttfs_pe #(
        .GRID_LOG(GRID_LOG), .WEIGHT_SHIFT(WEIGHT_SHIFT), .TIME_SHIFT(TIME_SHIFT),
        .ZERO_CODE(ZERO_CODE), .TABLE_BITS(TABLE_BITS), .ACCUMULATOR_BITS(ACCUMULATOR_BITS)
    ) element (
        .clock(clock), .load(load), .bias(bias), .valid(valid), .negative(negative),
        .exponent(exponent), .spike(spike), .offset(offset), .fraction(FRACTION),
        .sum(sum), .clipped(clipped)
    );

    log_ttfs_fire #(
        .TIMESTEPS(TIMESTEPS), .ACCUMULATOR_BITS(64), .TABLE_FILE(THRESHOLD_FILE)
    ) window (
        .clock(clock), .start(start), .potential(potential), .spike(fired), .done(done)
    );

    integer sample, position, channel, branch, tap, member, inner, step, steps;
    integer row, own, cell_index, place, time_of, values, wrong, index;
    reg signed [63:0] found;
    reg [WEIGHT_BITS-1:0] code;

    task tick;
        begin
            #1 clock = 1'b1;
            #1 clock = 1'b0;
        end
    endtask

    // One synapse: the spike of a source's channel under a tap.
    task synapse;
        begin
            index = (sample * plan[row+SOURCE_POSITIONS] + place) * plan[row+SOURCE_CHANNELS];
            index = index + (own / plan[row+FAN_OUT]) * plan[row+WIDTH] + inner;
            time_of = spikes[plan[row+SPIKE_BASE] + index];
            if (KIND == 2) begin
                if (time_of < found) found = time_of;
            end else if (time_of < TIMESTEPS && (!ORDERED || time_of == step)) begin
                code = 0;
                if (plan[row+WEIGHTED] != 0)
                    code = weights[plan[row+WEIGHT_BASE]
                        + (tap * plan[row+WIDTH] + inner) * plan[row+REACHED] + own];
                negative = plan[row+WEIGHTED] != 0 ? code[WEIGHT_BITS-1] : plan[row+NEGATIVE] != 0;
                exponent = code & ((1 << (WEIGHT_BITS - 1)) - 1);
                offset = plan[row+OFFSET];
                spike = time_of;
                valid = 1'b1;
                tick;
                valid = 1'b0;
            end
        end
    endtask

    // All synapses from one branch to the neuron at `position` and `channel`.
    task receive;
        begin
            own = channel - plan[row+FIRST];
            if (KIND == 2) own = channel;
            if (own >= 0 && (KIND == 2 || own < plan[row+REACHED])) begin
                for (tap = 0; tap < plan[row+TAPS]; tap = tap + 1) begin
                    cell_index = addresses[plan[row+ADDRESS_BASE] + position * plan[row+TAPS] + tap];
                    for (member = 0; cell_index >= 0 && (member == 0 || member < plan[row+MEMBERS]); member = member + 1) begin
                        place = cell_index;
                        if (plan[row+MEMBERS] != 0)
                            place = cells[plan[row+CELL_BASE] + cell_index * plan[row+MEMBERS] + member];
                        if (place >= 0)
                            for (inner = 0; inner < plan[row+WIDTH]; inner = inner + 1) synapse;
                    end
                end
            end
        end
    endtask

    task neuron;
        begin
            bias = biases[channel];
            found = TIMESTEPS;
            load = 1'b1;
            tick;
            load = 1'b0;
            steps = ORDERED ? TIMESTEPS : 1;
            for (step = 0; KIND != 0 && step < steps; step = step + 1)
                for (branch = 0; branch < BRANCHES; branch = branch + 1) begin
                    row = branch * ENTRIES;
                    receive;
                end
            index = (sample * POSITIONS + position) * CHANNELS + channel;
            if (KIND == 0) begin
                encoding = 1'b1;
                given = {48'd0, spikes[index]};
            end
            if (KIND < 2) begin
                start = 1'b1;
                tick;
                start = 1'b0;
                tick;
                while (!done) tick;
                found = {56'd0, fired};
            end else if (KIND == 3) found = potential;
            values = values + 1;
            if (found !== golden[index]) begin
                wrong = wrong + 1;
                if (wrong <= 5)
                    $display("%0s: sample %0d, position %0d, channel %0d: %0d, golden %0d",
                        NAME, sample, position, channel, found, golden[index]);
            end
        end
    endtask

    initial begin
        values = 0;
        wrong = 0;
        #1;
        for (sample = 0; sample < SAMPLES; sample = sample + 1)
            for (position = 0; position < POSITIONS; position = position + 1)
                for (channel = 0; channel < CHANNELS; channel = channel + 1)
                    if (((sample * POSITIONS + position) * CHANNELS + channel) % STRIDE == 0) neuron;
        $display("%0s: %0d values, %0d different", NAME, values, wrong);
        $finish;
    end
endmodule

`default_nettype wire
