// Test bench: neurons of one layer, one after the other, through the processing element and the
// firing window. Reads a stream of commands and writes sums and spike times, one line a neuron.
//
// Commands, one 64-bit word each: bits 63:62 are 1 for a synapse (61: sign, 60:49: exponent,
// 48:41: spike, 40:25: offset), 2 for a bias (its low ACCUMULATOR_BITS bits), 3 for the end of a
// neuron, 0 for the end of the stream.

`default_nettype none

module log_ttfs_bench #(
    parameter GRID_LOG = 2,
    parameter WEIGHT_SHIFT = 1,
    parameter TIME_SHIFT = 0,
    parameter ZERO_CODE = 15,
    parameter TABLE_BITS = 12,
    parameter ACCUMULATOR_BITS = 32,
    parameter TIMESTEPS = 24,
    parameter signed [7:0] FRACTION = 0
);
    reg clock = 1'b0;
    reg load = 1'b0, valid = 1'b0, start = 1'b0;
    reg [63:0] command = 64'd0;
    integer stream, answers, status;

    wire signed [ACCUMULATOR_BITS-1:0] sum;
    wire [7:0] spike;
    wire clipped, done;

    log_ttfs_pe #(
        .GRID_LOG(GRID_LOG), .WEIGHT_SHIFT(WEIGHT_SHIFT), .TIME_SHIFT(TIME_SHIFT),
        .ZERO_CODE(ZERO_CODE), .TABLE_BITS(TABLE_BITS), .ACCUMULATOR_BITS(ACCUMULATOR_BITS)
    ) element (
        .clock(clock), .load(load), .bias(command[ACCUMULATOR_BITS-1:0]), .valid(valid),
        .negative(command[61]), .exponent(command[60:49]), .spike(command[48:41]),
        .offset(command[40:25]), .fraction(FRACTION), .sum(sum), .clipped(clipped)
    );

    log_ttfs_fire #(.TIMESTEPS(TIMESTEPS), .ACCUMULATOR_BITS(ACCUMULATOR_BITS)) window (
        .clock(clock), .start(start), .potential(sum), .spike(spike), .done(done)
    );

    task tick;
        begin
            #1 clock = 1'b1;
            #1 clock = 1'b0;
        end
    endtask

    initial begin
        stream = $fopen("stream.hex", "r");
        answers = $fopen("answers.txt", "w");
        status = $fscanf(stream, "%h", command);
        while (status == 1 && command[63:62] != 2'd0) begin
            load = command[63:62] == 2'd2;
            valid = command[63:62] == 2'd1;
            start = command[63:62] == 2'd3;
            tick;
            if (start) begin
                start = 1'b0;
                while (!done) tick;
                $fdisplay(answers, "%0d %0d %0d", sum, spike, clipped);
            end
            status = $fscanf(stream, "%h", command);
        end
        $fclose(stream);
        $fclose(answers);
        $finish;
    end
endmodule

`default_nettype wire
