// Firing window of one neuron: the threshold falls step by step, and the neuron fires once.
//
// `start` begins the window with a constant potential; at each cycle it is compared with the
// threshold of the step. The spike time is the first step whose threshold it reaches, or TIMESTEPS
// if it reaches none.

`default_nettype none

module log_ttfs_fire #(
    parameter integer TIMESTEPS = 24,
    parameter ACCUMULATOR_BITS = 32,
    parameter THRESHOLD_BITS = 64,    // thresholds may lie above the accumulator's range
    parameter TABLE_FILE = "thresholds.hex"
) (
    input  wire                               clock,
    input  wire                               start,
    input  wire signed [ACCUMULATOR_BITS-1:0] potential,
    output reg         [7:0]                  spike,
    output reg                                done
);
    reg [THRESHOLD_BITS-1:0] thresholds [0:TIMESTEPS-1];
    initial $readmemh(TABLE_FILE, thresholds);

    localparam INDEX_BITS = TIMESTEPS > 1 ? $clog2(TIMESTEPS) : 1;
    localparam [7:0] SILENT = TIMESTEPS[7:0];

    wire signed [THRESHOLD_BITS:0] wide =
        {{(THRESHOLD_BITS - ACCUMULATOR_BITS + 1){potential[ACCUMULATOR_BITS-1]}}, potential};
    wire signed [THRESHOLD_BITS:0] threshold = {1'b0, thresholds[spike[INDEX_BITS-1:0]]};

    always @(posedge clock) begin
        if (start) begin
            spike <= 8'd0;
            done <= 1'b0;
        end else if (!done) begin
            if (spike == SILENT || wide >= threshold)
                done <= 1'b1;
            else
                spike <= spike + 8'd1;
        end
    end
endmodule

`default_nettype wire
